"""A new password by mail: once, in time, for the account that it was asked for; and nobody else learns who has one."""

import asyncio
from uuid import uuid4

import pytest
from msgspec.structs import replace

from app.database.executor import Database
from app.domain.errors import Invalid, NotAuthenticated
from app.domain.identity import administration, commands, email_changes, password_resets
from app.domain.identity.administration import AccessChange
from app.domain.identity.authority import Authority
from app.domain.identity.letters import Letters
from app.domain.identity.mailed_tokens import PER_ADDRESS
from app.domain.users import repository as users_repository
from app.domain.users.user import User
from tests.domain.audit import log_read
from tests.domain.identity import stored
from tests.domain.identity.clocks import let_mailed_tokens_expire
from tests.domain.identity.conftest import Measured, NewVisitor, Visitor
from tests.domain.identity.mailing import good_tokens, mailed
from tests.factories import CLIENT, PASSWORD, make_user
from tests.messages import Outbox

NEW_PASSWORD = "blue penguin umbrella"


class Forgetful:
    """Asks, resets and logs in, with what all these tests use."""

    def __init__(self, database: Database, authority: Authority, letters: Letters, outbox: Outbox) -> None:
        self.database, self.authority, self.letters, self.outbox = database, authority, letters, outbox

    async def ask(self, email: str) -> None:
        await password_resets.ask(self.database, self.letters, email)

    async def token(self, email: str) -> str:
        """The token of a new mail."""
        await self.ask(email)
        return await mailed(self.outbox, email)

    async def reset(self, token: str, new_password: str = NEW_PASSWORD) -> None:
        await password_resets.reset(self.database, self.authority, self.letters, token, new_password=new_password)

    async def is_refused(self, token: str) -> bool:
        with pytest.raises(NotAuthenticated) as caught:
            await self.reset(token)
        return caught.value.code == "INVALID_MAIL_TOKEN"

    async def can_log_in(self, email: str, password: str) -> bool:
        try:
            await commands.log_in(self.database, self.authority, email=email, password=password, client=CLIENT)
        except NotAuthenticated:
            return False
        return True

    async def kinds(self, email: str) -> list[str]:
        return [letter.kind for letter in await self.outbox.to(email)]


@pytest.fixture
def forgetful(database: Database, authority: Authority, letters: Letters, outbox: Outbox) -> Forgetful:
    return Forgetful(database, authority, letters, outbox)


@pytest.fixture
async def away(database: Database, new_visitor: NewVisitor) -> User:
    """Somebody who may not come in."""
    user = await make_user(database)
    administrator = (await new_visitor(roles=("admin",))).caller
    return await administration.change_access(database, administrator, user.id, AccessChange(is_active=False))


class TestAsk:
    async def test_the_link_leads_to_the_page_of_the_settings(
        self, forgetful: Forgetful, outbox: Outbox, visitor: Visitor
    ) -> None:
        await forgetful.ask(visitor.user.email)
        letter = await outbox.last_to(visitor.user.email)
        assert letter.kind == "reset_password"
        assert letter.link.startswith("http://127.0.0.1:8000/docs/account/reset-password#token=")
        assert len(letter.link.partition("#token=")[2]) == 43

    async def test_it_goes_to_the_address_as_its_owner_writes_it(
        self, forgetful: Forgetful, database: Database
    ) -> None:
        """Who reads the mail of another spelling, nobody knows."""
        user = await make_user(database, email=f"Ann.{uuid4().hex}@Example.COM")
        await forgetful.ask(user.email.lower())
        assert await forgetful.kinds(user.email) == ["reset_password"]
        assert await forgetful.kinds(user.email.lower()) == []

    async def test_nobody_else_gets_a_token(self, forgetful: Forgetful, database: Database, away: User) -> None:
        for email in (f"{uuid4().hex}@example.com", away.email):
            await forgetful.ask(email)
            assert await forgetful.kinds(email) == ["no_account"]
            assert await good_tokens(database, email) == 0

    async def test_what_is_no_address_is_refused(self, forgetful: Forgetful) -> None:
        for email in ("nobody", "a@example.com\r\nBcc: b@example.com", "a@example.com,b@example.com", "A <a@b.c>"):
            with pytest.raises(Invalid):
                await forgetful.ask(email)

    async def test_an_address_gets_five_mails_an_hour_and_the_last_is_good(
        self, forgetful: Forgetful, visitor: Visitor
    ) -> None:
        for _ in range(PER_ADDRESS + 2):
            await forgetful.ask(visitor.user.email)
        assert await forgetful.kinds(visitor.user.email) == ["reset_password"] * PER_ADDRESS
        await forgetful.reset(await mailed(forgetful.outbox, visitor.user.email))

    @pytest.mark.parametrize("asked_before", [0, PER_ADDRESS])
    async def test_the_work_is_the_same_whoever_has_the_address(
        self, forgetful: Forgetful, database: Database, effort: Measured, away: User, asked_before: int
    ) -> None:
        spent = {}
        for email in (f"{uuid4().hex}@example.com", (await make_user(database)).email, away.email):
            for _ in range(asked_before):
                await forgetful.ask(email)
            with effort(database) as spent[email]:
                await forgetful.ask(email)
        first = next(iter(spent.values()))
        asking = ["mailed_tokens.line_up", "mailed_tokens.password_reset"]
        telling = [] if asked_before else ["mailed_tokens.end_of_address", "messages.insert"]
        assert (first.statements, first.hashes) == (asking + telling, [])
        assert all(each == first for each in spent.values())


class TestLog:
    async def test_both_steps_are_in_it_without_the_token(self, forgetful: Forgetful, visitor: Visitor) -> None:
        token = await forgetful.token(visitor.user.email)
        await forgetful.reset(token)
        rows = await log_read.by_subject(forgetful.database, visitor.user.id)
        told = [(row.action, row.actor_id) for row in rows if "reset" in row.action]
        assert told == [("account.password_reset_asked", None), ("account.password_reset", visitor.user.id)]
        assert not any(secret in str(rows) for secret in (token, NEW_PASSWORD, "argon2"))


class TestReset:
    async def test_the_new_one_is_good_and_the_old_one_is_not(self, forgetful: Forgetful, visitor: Visitor) -> None:
        email = visitor.user.email
        await forgetful.reset(await forgetful.token(email))
        assert await forgetful.can_log_in(email, NEW_PASSWORD)
        assert not await forgetful.can_log_in(email, PASSWORD)

    async def test_all_sessions_end_and_the_owner_is_told(
        self, forgetful: Forgetful, database: Database, new_visitor: NewVisitor
    ) -> None:
        here, stranger = await new_visitor(), await new_visitor()
        there = await new_visitor(here.user)
        await forgetful.reset(await forgetful.token(here.user.email))
        for session in (here, there):
            assert await stored.ending(database, session.caller.own_session) == "password_reset"
        assert await stored.ending(database, stranger.caller.own_session) is None
        assert await forgetful.kinds(here.user.email) == ["reset_password", "password_was_reset"]

    async def test_a_token_is_good_once(self, forgetful: Forgetful, visitor: Visitor) -> None:
        token = await forgetful.token(visitor.user.email)
        await forgetful.reset(token)
        assert await forgetful.is_refused(token)

    async def test_of_ten_at_once_one_chooses(self, forgetful: Forgetful, visitor: Visitor) -> None:
        token = await forgetful.token(visitor.user.email)
        passwords = [f"{NEW_PASSWORD} {number}" for number in range(10)]
        outcomes = await asyncio.gather(
            *(forgetful.reset(token, password) for password in passwords), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes].count(NotAuthenticated) == 9
        assert await forgetful.can_log_in(visitor.user.email, passwords[outcomes.index(None)])

    async def test_the_newest_is_the_only_one(self, forgetful: Forgetful, visitor: Visitor) -> None:
        older, newer = [await forgetful.token(visitor.user.email) for _ in range(2)]
        assert await forgetful.is_refused(older)
        await forgetful.reset(newer)

    async def test_of_many_asked_for_at_once_one_is_good(
        self, forgetful: Forgetful, database: Database, visitor: Visitor
    ) -> None:
        await asyncio.gather(*(forgetful.ask(visitor.user.email) for _ in range(4)))
        assert await good_tokens(database, visitor.user.email) == 1

    async def test_after_an_hour_it_is_too_late(self, forgetful: Forgetful, visitor: Visitor) -> None:
        token = await forgetful.token(visitor.user.email)
        await let_mailed_tokens_expire(forgetful.database)
        assert await forgetful.is_refused(token)

    @pytest.mark.parametrize("password", ["short", "passwordpassword", "a" * 20])
    async def test_a_password_that_is_refused_leaves_the_token(
        self, forgetful: Forgetful, visitor: Visitor, password: str
    ) -> None:
        token = await forgetful.token(visitor.user.email)
        with pytest.raises(Invalid) as caught:
            await forgetful.reset(token, password)
        assert caught.value.fields[0].pointer == "#/new_password"
        await forgetful.reset(token)

    @pytest.mark.parametrize("token", ["", "unknown", "A" * 43])
    async def test_what_was_never_mailed_is_refused(self, forgetful: Forgetful, token: str) -> None:
        assert await forgetful.is_refused(token)

    async def test_only_its_hash_is_stored(self, forgetful: Forgetful, visitor: Visitor) -> None:
        token = await forgetful.token(visitor.user.email)
        async with forgetful.database.transaction() as work:
            rows = await work._connection.raw.fetch("SELECT t::text FROM mailed_tokens t")
        assert rows
        assert not any(token in row["t"] for row in rows)


class TestWhatEndsIt:
    """Of a token that was mailed before, nothing is left once the account has changed hands or locks."""

    async def test_changing_the_password(self, forgetful: Forgetful, visitor: Visitor) -> None:
        token = await forgetful.token(visitor.user.email)
        await commands.change_password(
            forgetful.database,
            forgetful.authority,
            forgetful.letters.cipher,
            visitor.caller,
            current_password=PASSWORD,
            new_password=f"{NEW_PASSWORD} two",
        )
        assert await forgetful.is_refused(token)

    async def test_losing_access_even_if_it_comes_back(
        self, forgetful: Forgetful, visitor: Visitor, new_visitor: NewVisitor
    ) -> None:
        token = await forgetful.token(visitor.user.email)
        administrator = (await new_visitor(roles=("admin",))).caller
        for is_active in (False, True):
            await administration.change_access(
                forgetful.database, administrator, visitor.user.id, AccessChange(is_active=is_active)
            )
            assert await forgetful.is_refused(token)

    async def test_having_another_address(self, forgetful: Forgetful, visitor: Visitor) -> None:
        token = await forgetful.token(visitor.user.email)
        email = f"{uuid4().hex}@example.com"
        await email_changes.ask(forgetful.database, forgetful.letters, visitor.caller, email)
        change = await mailed(forgetful.outbox, email)
        await email_changes.confirm(forgetful.database, forgetful.letters, visitor.caller, change)
        assert await forgetful.is_refused(token)

    async def test_having_left_the_address_that_it_went_to(self, forgetful: Forgetful, visitor: Visitor) -> None:
        """However that came about: whoever reads the mail of that address may be somebody else by now."""
        token = await forgetful.token(visitor.user.email)
        async with forgetful.database.transaction() as work:
            elsewhere = replace(visitor.user, email=f"{uuid4().hex}@example.com")
            await users_repository.update_user(work, elsewhere)
        assert await good_tokens(forgetful.database, visitor.user.email) == 1
        assert await forgetful.is_refused(token)

    async def test_a_reset_ends_the_other_tokens_of_the_account(self, forgetful: Forgetful, visitor: Visitor) -> None:
        email = f"{uuid4().hex}@example.com"
        await email_changes.ask(forgetful.database, forgetful.letters, visitor.caller, email)
        await forgetful.reset(await forgetful.token(visitor.user.email))
        assert await good_tokens(forgetful.database, email) == 0

    async def test_a_token_is_good_for_its_purpose_only(self, forgetful: Forgetful, visitor: Visitor) -> None:
        email = f"{uuid4().hex}@example.com"
        await email_changes.ask(forgetful.database, forgetful.letters, visitor.caller, email)
        assert await forgetful.is_refused(await mailed(forgetful.outbox, email))
        token = await forgetful.token(visitor.user.email)
        with pytest.raises(NotAuthenticated):
            await email_changes.confirm(forgetful.database, forgetful.letters, visitor.caller, token)
        await forgetful.reset(token)
