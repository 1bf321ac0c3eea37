"""Registering: nobody is there before the address and the password are confirmed, and nobody else can tell who is."""

import asyncio
from uuid import uuid4

import pytest

from app.database.executor import Database
from app.domain.errors import Invalid, NotAuthenticated
from app.domain.identity import administration, commands, registrations
from app.domain.identity.administration import AccessChange
from app.domain.identity.authority import Authority
from app.domain.identity.gate import SessionGate
from app.domain.identity.letters import Letters
from app.domain.identity.mailed_tokens import PER_ADDRESS
from app.domain.identity.registrations import Registration
from app.domain.identity.session import Tokens
from app.domain.users import repository
from app.domain.users.user import User
from tests.domain.audit import log_read
from tests.domain.identity.clocks import let_mailed_tokens_expire
from tests.domain.identity.conftest import Measured, NewVisitor
from tests.domain.identity.mailing import good_tokens, mailed
from tests.factories import CLIENT, PASSWORD, make_user
from tests.messages import Outbox


def somebody(**fields: str) -> Registration:
    return Registration(**{"email": f"{uuid4().hex}@example.com", "name": "Ann", "password": PASSWORD, **fields})


class Newcomers:
    """Registers, confirms and looks, with what all these tests use."""

    def __init__(self, database: Database, authority: Authority, letters: Letters, outbox: Outbox) -> None:
        self.database, self.authority, self.letters, self.outbox = database, authority, letters, outbox

    async def register(self, **fields: str) -> str:
        """The address."""
        registration = somebody(**fields)
        await registrations.register(self.database, self.authority, self.letters, registration)
        return registration.email

    async def confirm(self, token: str, password: str = PASSWORD) -> User:
        return await registrations.confirm(self.database, self.authority, token, password=password)

    async def refusal(self, token: str, password: str = PASSWORD) -> str:
        with pytest.raises(NotAuthenticated) as caught:
            await self.confirm(token, password)
        return caught.value.code

    async def is_known(self, email: str) -> bool:
        return await repository.password_by_email(self.database.reader, email) is not None

    async def kinds(self, email: str) -> list[str]:
        """The kinds of mail that an address has got."""
        return [letter.kind for letter in await self.outbox.to(email)]


@pytest.fixture
def newcomers(database: Database, authority: Authority, letters: Letters, outbox: Outbox) -> Newcomers:
    return Newcomers(database, authority, letters, outbox)


class TestRegister:
    async def test_nobody_is_there_before_it_is_confirmed(self, newcomers: Newcomers, outbox: Outbox) -> None:
        email = await newcomers.register()
        assert not await newcomers.is_known(email)
        with pytest.raises(NotAuthenticated) as caught:
            await commands.log_in(
                newcomers.database, newcomers.authority, email=email, password=PASSWORD, client=CLIENT
            )
        assert caught.value.code == "INVALID_CREDENTIALS"
        letter = await outbox.last_to(email)
        assert letter.kind == "confirm_registration"
        assert letter.link.startswith("http://127.0.0.1:8000/docs/account/confirm-registration#token=")

    async def test_the_mail_says_nothing_that_a_stranger_wrote(self, newcomers: Newcomers, outbox: Outbox) -> None:
        email = await newcomers.register(name="Win a prize at https://evil.example")
        letter = await outbox.last_to(email)
        assert "evil" not in letter.subject + letter.text
        assert email not in letter.subject + letter.text

    async def test_an_address_keeps_nobody_else_out(self, newcomers: Newcomers, outbox: Outbox) -> None:
        """Whoever registers with it first has no more of it than whoever comes second."""
        email = await newcomers.register(password="a phrase of the one who came first")
        await newcomers.register(email=email)
        user = await newcomers.confirm(await mailed(outbox, email))
        assert user.email == email

    async def test_the_owner_of_an_account_is_told_and_nothing_changes(
        self, newcomers: Newcomers, database: Database
    ) -> None:
        user = await make_user(database, email=f"Ann.{uuid4().hex}@Example.COM")
        await newcomers.register(email=user.email.lower())
        # Written as they write it: who reads the mail of another spelling, nobody knows.
        assert await newcomers.kinds(user.email) == ["already_registered"]
        assert await newcomers.kinds(user.email.lower()) == []
        assert await good_tokens(database, user.email) == 0
        assert await repository.by_id(database.reader, user.id) == user

    async def test_every_fault_is_named(self, database: Database, authority: Authority, letters: Letters) -> None:
        with pytest.raises(Invalid) as caught:
            await registrations.register(
                database, authority, letters, Registration("nobody", " ", "short", "Mars/Olympus")
            )
        assert {(field.pointer, field.code) for field in caught.value.fields} == {
            ("#/email", "EMAIL_FORMAT"),
            ("#/name", "LENGTH"),
            ("#/password", "PASSWORD_TOO_SHORT"),
            ("#/timezone", "UNKNOWN_TIMEZONE"),
        }

    async def test_ones_own_address_is_no_password(self, newcomers: Newcomers) -> None:
        email = f"{uuid4().hex}@example.com"
        with pytest.raises(Invalid) as caught:
            await newcomers.register(email=email, password=email)
        assert caught.value.fields[0].code == "PASSWORD_IS_PERSONAL"


class TestEqualWork:
    """What takes time is the same whoever has the address: the same statements in the same order, the same hashes."""

    @pytest.fixture
    async def addresses(self, newcomers: Newcomers, database: Database, new_visitor: NewVisitor) -> dict[str, str]:
        away = await make_user(database)
        administrator = (await new_visitor(roles=("admin",))).caller
        await administration.change_access(database, administrator, away.id, AccessChange(is_active=False))
        return {
            "unknown": f"{uuid4().hex}@example.com",
            "pending": await newcomers.register(),
            "active": (await make_user(database)).email,
            "inactive": away.email,
        }

    async def test_of_registering(
        self, newcomers: Newcomers, database: Database, effort: Measured, addresses: dict[str, str]
    ) -> None:
        spent = {}
        for whose, email in addresses.items():
            with effort(database) as spent[whose]:
                await newcomers.register(email=email)
        assert spent["unknown"].statements == [
            "mailed_tokens.line_up",
            "mailed_tokens.registration",
            "messages.insert",
        ]
        assert spent["unknown"].hashes == ["_hash"]
        assert all(each == spent["unknown"] for each in spent.values())

    async def test_of_asking_again(
        self, newcomers: Newcomers, database: Database, effort: Measured, addresses: dict[str, str]
    ) -> None:
        spent = {}
        for whose, email in addresses.items():
            with effort(database) as spent[whose]:
                await registrations.resend(database, newcomers.letters, email)
        assert spent["unknown"].statements[-1] == "messages.insert"
        assert all(each == spent["unknown"] for each in spent.values())

    async def test_of_registering_once_too_often(
        self, newcomers: Newcomers, database: Database, effort: Measured, addresses: dict[str, str]
    ) -> None:
        spent = {}
        for whose, email in addresses.items():
            for _ in range(PER_ADDRESS):
                await newcomers.register(email=email)
            with effort(database) as spent[whose]:
                await newcomers.register(email=email)
        assert spent["unknown"].statements == ["mailed_tokens.line_up", "mailed_tokens.registration"]
        assert spent["unknown"].hashes == ["_hash"]
        assert all(each == spent["unknown"] for each in spent.values())


class TestBound:
    async def test_an_address_gets_five_mails_an_hour(self, newcomers: Newcomers, database: Database) -> None:
        email, known = await newcomers.register(), (await make_user(database)).email
        for _ in range(PER_ADDRESS + 3):
            await newcomers.register(email=email.upper())
            await registrations.resend(database, newcomers.letters, email)
            await newcomers.register(email=known)
        assert len([*await newcomers.kinds(email), *await newcomers.kinds(email.upper())]) == PER_ADDRESS
        assert len(await newcomers.kinds(known)) == PER_ADDRESS
        await let_mailed_tokens_expire(database)
        await newcomers.register(email=known)
        assert len(await newcomers.kinds(known)) == PER_ADDRESS + 1

    async def test_twenty_at_once_are_no_way_around_it(self, newcomers: Newcomers) -> None:
        email = f"{uuid4().hex}@example.com"
        resend = registrations.resend  # It waits for no hash: so they do meet.
        await asyncio.gather(*(resend(newcomers.database, newcomers.letters, email) for _ in range(20)))
        assert len(await newcomers.kinds(email)) == PER_ADDRESS


class TestResend:
    async def test_both_mails_are_good_for_the_same_account(self, newcomers: Newcomers, outbox: Outbox) -> None:
        email = await newcomers.register(timezone="Europe/Berlin")
        first = await mailed(outbox, email)
        await registrations.resend(newcomers.database, newcomers.letters, email.upper())
        second = await mailed(outbox, email)
        assert first != second
        user = await newcomers.confirm(second)
        assert (user.email, user.timezone) == (email, "Europe/Berlin")
        assert await newcomers.refusal(first) == "INVALID_MAIL_TOKEN"

    async def test_where_nothing_waits_the_mail_says_so(self, newcomers: Newcomers, database: Database) -> None:
        email = f"{uuid4().hex}@example.com"
        await registrations.resend(database, newcomers.letters, email)
        assert await newcomers.kinds(email) == ["nothing_to_confirm"]
        assert await good_tokens(database, email) == 0

    async def test_what_is_no_address_is_refused(self, newcomers: Newcomers) -> None:
        with pytest.raises(Invalid):
            await registrations.resend(newcomers.database, newcomers.letters, "a@example.com\r\nBcc: b@example.com")


class TestConfirm:
    async def test_the_account_comes_with_a_personal_team(
        self, newcomers: Newcomers, outbox: Outbox, gate: SessionGate
    ) -> None:
        email = await newcomers.register(name=" Ann ", timezone="Europe/Berlin")
        user = await newcomers.confirm(await mailed(outbox, email))
        assert (user.email, user.name, user.timezone, user.roles, user.is_active, user.version) == (
            email,
            "Ann",
            "Europe/Berlin",
            [],
            True,
            1,
        )
        assert user.email_verified_at is not None
        assert [row.action for row in await log_read.by_subject(newcomers.database, user.id)] == ["account.registered"]
        tokens = await commands.log_in(
            newcomers.database, newcomers.authority, email=email.upper(), password=PASSWORD, client=CLIENT
        )
        assert isinstance(tokens, Tokens)
        assert (await gate.caller(tokens.access_token)).user_id == user.id

    async def test_a_token_is_good_once(self, newcomers: Newcomers, outbox: Outbox) -> None:
        token = await mailed(outbox, await newcomers.register())
        await newcomers.confirm(token)
        assert await newcomers.refusal(token) == "INVALID_MAIL_TOKEN"

    async def test_of_ten_at_once_one_makes_the_account(self, newcomers: Newcomers, outbox: Outbox) -> None:
        token = await mailed(outbox, await newcomers.register())
        outcomes = await asyncio.gather(*(newcomers.confirm(token) for _ in range(10)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes].count(User) == 1
        assert [type(outcome) for outcome in outcomes].count(NotAuthenticated) == 9

    async def test_of_two_registrations_at_once_one_gets_the_address(
        self, newcomers: Newcomers, outbox: Outbox
    ) -> None:
        email = await newcomers.register()
        await newcomers.register(email=email.upper())
        tokens = [await mailed(outbox, email), await mailed(outbox, email.upper())]
        outcomes = await asyncio.gather(*(newcomers.confirm(token) for token in tokens), return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NotAuthenticated", "User"]

    async def test_after_an_hour_it_is_too_late(self, newcomers: Newcomers, outbox: Outbox) -> None:
        email = await newcomers.register()
        token = await mailed(outbox, email)
        await let_mailed_tokens_expire(newcomers.database)
        assert await newcomers.refusal(token) == "INVALID_MAIL_TOKEN"
        assert not await newcomers.is_known(email)

    async def test_the_mail_alone_is_not_enough(self, newcomers: Newcomers, outbox: Outbox) -> None:
        """Else a stranger could register, and the owner's click would make an account that opens to the stranger."""
        email = await newcomers.register(password="a phrase that the stranger knows")
        token = await mailed(outbox, email)
        assert await newcomers.refusal(token, PASSWORD) == "WRONG_PASSWORD"
        assert not await newcomers.is_known(email)
        await newcomers.confirm(token, "a phrase that the stranger knows")

    async def test_an_address_that_got_an_account_meanwhile_stays_with_it(
        self, newcomers: Newcomers, outbox: Outbox, database: Database
    ) -> None:
        email = await newcomers.register()
        user = await make_user(database, email=email.upper())
        assert await newcomers.refusal(await mailed(outbox, email)) == "INVALID_MAIL_TOKEN"
        assert await repository.by_id(database.reader, user.id) == user

    @pytest.mark.parametrize("token", ["", "unknown", "x" * 256, "A" * 43])
    async def test_what_was_never_mailed_is_refused(self, newcomers: Newcomers, token: str) -> None:
        assert await newcomers.refusal(token) == "INVALID_MAIL_TOKEN"
