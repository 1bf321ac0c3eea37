"""Another address: for who reads its mail and is logged in, and for nobody to learn who has which."""

import asyncio
from uuid import uuid4

import pytest

from app.database.executor import Database
from app.domain.errors import Invalid, NotAuthenticated
from app.domain.identity import administration, commands, email_changes
from app.domain.identity import repository as sessions
from app.domain.identity.administration import AccessChange
from app.domain.identity.authority import Authority
from app.domain.identity.gate import SessionGate
from app.domain.identity.letters import Letters
from app.domain.identity.mailed_tokens import PER_ADDRESS
from app.domain.identity.session import Ending
from app.domain.users import repository
from app.domain.users.user import User
from tests.domain.audit import log_read
from tests.domain.identity.clocks import let_mailed_tokens_expire, let_proof_age
from tests.domain.identity.conftest import Measured, NewVisitor, Visitor
from tests.domain.identity.mailing import good_tokens, mailed
from tests.factories import CLIENT, PASSWORD, make_user
from tests.locks import waits_for
from tests.messages import Outbox


def some_address() -> str:
    return f"{uuid4().hex}@example.com"


class Movers:
    """Asks and confirms, with what all these tests use."""

    def __init__(self, database: Database, letters: Letters, outbox: Outbox) -> None:
        self.database, self.letters, self.outbox = database, letters, outbox

    async def ask(self, who: Visitor, email: str) -> None:
        await email_changes.ask(self.database, self.letters, who.caller, email)

    async def token(self, who: Visitor, email: str) -> str:
        await self.ask(who, email)
        return await mailed(self.outbox, email)

    async def confirm(self, who: Visitor, token: str) -> User:
        return await email_changes.confirm(self.database, self.letters, who.caller, token)

    async def is_refused(self, who: Visitor, token: str) -> bool:
        with pytest.raises(NotAuthenticated) as caught:
            await self.confirm(who, token)
        return caught.value.code == "INVALID_MAIL_TOKEN"

    async def kinds(self, email: str) -> list[str]:
        return [letter.kind for letter in await self.outbox.to(email)]

    async def email_of(self, who: Visitor) -> str:
        user = await repository.by_id(self.database.reader, who.user.id)
        assert user is not None
        return user.email


@pytest.fixture
def movers(database: Database, letters: Letters, outbox: Outbox) -> Movers:
    return Movers(database, letters, outbox)


class TestAsk:
    async def test_nothing_changes_yet_and_both_addresses_are_told(self, movers: Movers, visitor: Visitor) -> None:
        email = some_address()
        await movers.ask(visitor, email)
        assert await movers.email_of(visitor) == visitor.user.email
        assert await movers.kinds(email) == ["confirm_email"]
        assert await movers.kinds(visitor.user.email) == ["email_will_change"]
        # The warning has no token in it: whoever reads the old mail can stop the change, and not make it.
        assert "token=" not in (await movers.outbox.last_to(visitor.user.email)).text

    async def test_whoever_has_the_address_is_told_and_keeps_it(
        self, movers: Movers, visitor: Visitor, database: Database
    ) -> None:
        owner = await make_user(database)
        await movers.ask(visitor, owner.email.upper())
        assert await movers.kinds(owner.email) == ["email_is_taken"]
        assert await good_tokens(database, owner.email) == 0
        assert await repository.by_id(database.reader, owner.id) == owner

    async def test_the_work_is_the_same_whoever_has_it(
        self, movers: Movers, visitor: Visitor, database: Database, effort: Measured
    ) -> None:
        spent = {}
        for email in (some_address(), (await make_user(database)).email, visitor.user.email):
            with effort(database) as spent[email]:
                await movers.ask(visitor, email)
        first = next(iter(spent.values()))
        assert first.statements == [
            "mailed_tokens.line_up",
            "users.lock",
            "sessions.fresh",
            "mailed_tokens.email_change",
            "mailed_tokens.end_of_user",
            "messages.insert",
            "messages.insert",
        ]
        assert all(each == first for each in spent.values())

    async def test_an_address_gets_five_mails_an_hour(self, movers: Movers, visitor: Visitor) -> None:
        email = some_address()
        for _ in range(PER_ADDRESS + 2):
            await movers.ask(visitor, email)
        assert await movers.kinds(email) == ["confirm_email"] * PER_ADDRESS
        assert len(await movers.kinds(visitor.user.email)) == PER_ADDRESS

    async def test_it_takes_fresh_proof_of_who_asks(self, movers: Movers, visitor: Visitor) -> None:
        await let_proof_age(movers.database, visitor.caller.own_session)
        email = some_address()
        with pytest.raises(NotAuthenticated) as caught:
            await movers.ask(visitor, email)
        assert caught.value.code == "STEP_UP_REQUIRED"
        assert [*await movers.kinds(email), *await movers.kinds(visitor.user.email)] == []

    async def test_a_session_that_ends_meanwhile_asks_for_nothing(self, movers: Movers, visitor: Visitor) -> None:
        """Else a token would be good that was written after all of them had ended."""
        email = some_address()
        async with movers.database.transaction() as work:
            await repository.lock(work, visitor.user.id)
            late = asyncio.create_task(movers.ask(visitor, email))
            await waits_for(work, late)
            await sessions.revoke_all(work, visitor.user.id, Ending.PASSWORD_RESET)
        with pytest.raises(NotAuthenticated):
            await late
        assert await movers.kinds(email) == []

    async def test_what_is_no_address_is_refused(self, movers: Movers, visitor: Visitor) -> None:
        with pytest.raises(Invalid) as caught:
            await movers.ask(visitor, "nobody")
        assert caught.value.fields[0].pointer == "#/email"


class TestConfirm:
    async def test_it_is_the_address_to_log_in_with(
        self, movers: Movers, visitor: Visitor, authority: Authority, database: Database
    ) -> None:
        email = f"Ann.{uuid4().hex}@Example.com"
        changed = await movers.confirm(visitor, await movers.token(visitor, email))
        assert (changed.email, changed.version) == (email, visitor.user.version + 1)
        assert changed.email_verified_at is not None
        assert visitor.user.email_verified_at is not None
        assert changed.email_verified_at > visitor.user.email_verified_at
        await commands.log_in(database, authority, email=email.lower(), password=PASSWORD, client=CLIENT)
        with pytest.raises(NotAuthenticated):
            await commands.log_in(database, authority, email=visitor.user.email, password=PASSWORD, client=CLIENT)

    async def test_both_steps_are_in_the_log(self, movers: Movers, visitor: Visitor) -> None:
        email = some_address()
        await movers.confirm(visitor, await movers.token(visitor, email))
        asked, changed = [
            row
            for row in await log_read.by_subject(movers.database, visitor.user.id)
            if row.action.startswith("account.email")
        ]
        assert (asked.action, changed.action) == ("account.email_change_asked", "account.email_changed")
        assert (asked.actor_id, changed.actor_id) == (visitor.user.id, visitor.user.id)
        assert asked.changed == {"email": ["changed", "changed"]}
        assert changed.changed == {"email": [visitor.user.email, email]}

    async def test_the_log_keeps_no_address_of_somebody_else(
        self, movers: Movers, visitor: Visitor, new_visitor: NewVisitor
    ) -> None:
        """Their erasure takes what is told of them out of the log, and not what is told of others."""
        other = await new_visitor()
        await movers.ask(visitor, other.user.email)
        (asked,) = [
            row
            for row in await log_read.by_subject(movers.database, visitor.user.id)
            if row.action == "account.email_change_asked"
        ]
        assert other.user.email not in repr(asked)

    async def test_sessions_stay_and_the_old_address_is_told(
        self, movers: Movers, gate: SessionGate, new_visitor: NewVisitor
    ) -> None:
        here = await new_visitor()
        there = await new_visitor(here.user)
        await movers.confirm(here, await movers.token(here, some_address()))
        for each in (here, there):
            assert (await gate.caller(each.tokens.access_token)).user_id == here.user.id
        assert await movers.kinds(here.user.email) == ["email_will_change", "email_has_changed"]

    async def test_the_old_address_is_free_afterwards(
        self, movers: Movers, visitor: Visitor, new_visitor: NewVisitor
    ) -> None:
        await movers.confirm(visitor, await movers.token(visitor, some_address()))
        other = await new_visitor()
        assert (await movers.confirm(other, await movers.token(other, visitor.user.email))).email == visitor.user.email

    async def test_ones_own_address_can_be_confirmed_once_more(self, movers: Movers, visitor: Visitor) -> None:
        email = visitor.user.email.upper()
        assert (await movers.confirm(visitor, await movers.token(visitor, email))).email == email

    async def test_the_mail_alone_is_not_enough(
        self, movers: Movers, visitor: Visitor, new_visitor: NewVisitor
    ) -> None:
        """Of an address with a slip in it, a stranger reads the mail."""
        token = await movers.token(visitor, some_address())
        assert await movers.is_refused(await new_visitor(), token)
        await movers.confirm(visitor, token)

    async def test_a_token_is_good_once_also_for_ten_at_once(self, movers: Movers, visitor: Visitor) -> None:
        token = await movers.token(visitor, some_address())
        outcomes = await asyncio.gather(*(movers.confirm(visitor, token) for _ in range(10)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes].count(User) == 1
        assert [type(outcome) for outcome in outcomes].count(NotAuthenticated) == 9
        assert await movers.is_refused(visitor, token)

    async def test_of_two_accounts_one_gets_the_address(self, movers: Movers, new_visitor: NewVisitor) -> None:
        one, two, email = await new_visitor(), await new_visitor(), some_address()
        tokens = [await movers.token(one, email), await movers.token(two, email)]
        outcomes = await asyncio.gather(
            movers.confirm(one, tokens[0]), movers.confirm(two, tokens[1]), return_exceptions=True
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NotAuthenticated", "User"]
        emails = [await movers.email_of(each) for each in (one, two)]
        assert emails.count(email) == 1
        assert {one.user.email, two.user.email} & set(emails)

    async def test_an_address_that_got_an_account_meanwhile_stays_with_it(
        self, movers: Movers, visitor: Visitor, database: Database
    ) -> None:
        email = some_address()
        token = await movers.token(visitor, email)
        await make_user(database, email=email.upper())
        assert await movers.is_refused(visitor, token)
        assert await movers.email_of(visitor) == visitor.user.email

    async def test_the_newest_is_the_only_one(self, movers: Movers, visitor: Visitor) -> None:
        older, newer = await movers.token(visitor, some_address()), await movers.token(visitor, some_address())
        assert await movers.is_refused(visitor, older)
        await movers.confirm(visitor, newer)

    async def test_after_an_hour_it_is_too_late(self, movers: Movers, visitor: Visitor) -> None:
        token = await movers.token(visitor, some_address())
        await let_mailed_tokens_expire(movers.database)
        assert await movers.is_refused(visitor, token)

    async def test_a_new_password_or_lost_access_ends_it(
        self, movers: Movers, new_visitor: NewVisitor, authority: Authority, database: Database
    ) -> None:
        ann, bob = await new_visitor(), await new_visitor()
        tokens = [await movers.token(who, some_address()) for who in (ann, bob)]
        passwords = {"current_password": PASSWORD, "new_password": "blue penguin umbrella"}
        await commands.change_password(database, authority, movers.letters.cipher, ann.caller, **passwords)
        administrator = (await new_visitor(roles=("admin",))).caller
        for is_active in (False, True):
            await administration.change_access(database, administrator, bob.user.id, AccessChange(is_active=is_active))
        for who, token in zip((ann, bob), tokens, strict=True):
            assert await movers.is_refused(who, token)
