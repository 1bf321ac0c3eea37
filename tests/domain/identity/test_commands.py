"""Going out, ending sessions, and changing the password."""

import asyncio
from uuid import uuid4

import pytest

from app.database.executor import Database, Transaction
from app.domain.errors import Conflict, Invalid, NotAuthenticated, NotFound
from app.domain.identity import commands
from app.domain.identity.authority import Authority
from app.domain.identity.gate import SessionGate
from app.domain.identity.session import Tokens, client_from
from app.domain.ids import SessionId
from app.domain.unit_of_work import unit_of_work
from app.domain.users import password_repository, repository
from app.field_encryption import field_cipher
from app.settings import load_settings
from tests.domain.identity import stored
from tests.domain.identity.clocks import let_absolute_expiry_pass, let_idle_expiry_pass
from tests.domain.identity.conftest import NewVisitor, Visitor
from tests.factories import CLIENT, PASSWORD

NEW_PASSWORD = "blue penguin umbrella"
CIPHER = field_cipher(load_settings(ENVIRONMENT="test").encryption)


async def log_in(database: Database, authority: Authority, email: str, password: str = PASSWORD) -> Tokens:
    tokens = await commands.log_in(database, authority, email=email, password=password, client=CLIENT)
    assert isinstance(tokens, Tokens)
    return tokens


async def refusal(database: Database, authority: Authority, email: str, password: str = PASSWORD) -> str:
    with pytest.raises(NotAuthenticated) as caught:
        await log_in(database, authority, email, password)
    return caught.value.code


async def somebody_waits_for(database: Database, work: Transaction) -> None:
    """Returns when another transaction is blocked by a lock that `work` holds."""
    pid = work._connection.raw.get_server_pid()
    async with asyncio.timeout(5), database.transaction() as looking:
        look = "SELECT EXISTS (SELECT FROM pg_locks WHERE $1 = ANY (pg_blocking_pids(pid)))"
        while not await looking._connection.raw.fetchval(look, pid):
            await asyncio.sleep(0.01)


class TestLogOut:
    async def test_it_ends_this_session_only(
        self, database: Database, gate: SessionGate, new_visitor: NewVisitor
    ) -> None:
        here = await new_visitor()
        there = await new_visitor(here.user)
        await commands.log_out(database, here.caller)
        assert await stored.ending(database, here.caller.own_session) == "logout"
        assert await gate.caller(there.tokens.access_token) == there.caller

    async def test_twice_is_the_same_as_once(self, database: Database, visitor: Visitor) -> None:
        await commands.log_out(database, visitor.caller)
        await commands.log_out_everywhere(database, visitor.caller)
        assert await stored.ending(database, visitor.caller.own_session) == "logout"

    async def test_everywhere_ends_all_sessions_of_this_user(
        self, database: Database, gate: SessionGate, new_visitor: NewVisitor
    ) -> None:
        here, stranger = await new_visitor(), await new_visitor()
        there = await new_visitor(here.user)
        await commands.log_out_everywhere(database, here.caller)
        for session in (here, there):
            assert await stored.ending(database, session.caller.own_session) == "logout_all"
        assert await gate.caller(stranger.tokens.access_token) == stranger.caller


class TestRevokeSession:
    async def test_it_ends_one_of_ones_own(self, database: Database, new_visitor: NewVisitor) -> None:
        here = await new_visitor()
        there = await new_visitor(here.user)
        await commands.revoke_session(database, here.caller, there.caller.own_session)
        assert await stored.ending(database, there.caller.own_session) == "revoked"
        assert await stored.ending(database, here.caller.own_session) is None

    async def test_that_of_somebody_else_does_not_exist(self, database: Database, new_visitor: NewVisitor) -> None:
        here, stranger = await new_visitor(), await new_visitor()
        with pytest.raises(NotFound):
            await commands.revoke_session(database, here.caller, stranger.caller.own_session)
        assert await stored.ending(database, stranger.caller.own_session) is None

    async def test_one_that_has_ended_does_not_exist_any_more(
        self, database: Database, new_visitor: NewVisitor
    ) -> None:
        here = await new_visitor()
        idle = await new_visitor(here.user)
        await let_idle_expiry_pass(database, idle.caller.own_session)
        for session_id in (idle.caller.own_session, SessionId(uuid4())):
            with pytest.raises(NotFound):
                await commands.revoke_session(database, here.caller, session_id)


class TestChangePassword:
    async def change(self, database: Database, authority: Authority, visitor: Visitor, current: str, new: str) -> None:
        await commands.change_password(
            database, authority, CIPHER, visitor.caller, current_password=current, new_password=new
        )

    async def test_the_new_one_is_good_and_the_old_one_is_not(
        self, database: Database, authority: Authority, visitor: Visitor
    ) -> None:
        await self.change(database, authority, visitor, PASSWORD, NEW_PASSWORD)
        await log_in(database, authority, visitor.user.email, NEW_PASSWORD)
        assert await refusal(database, authority, visitor.user.email, PASSWORD) == "INVALID_CREDENTIALS"

    async def test_other_sessions_end_and_this_one_lives(
        self, database: Database, authority: Authority, gate: SessionGate, new_visitor: NewVisitor
    ) -> None:
        here = await new_visitor()
        there = await new_visitor(here.user)
        await self.change(database, authority, here, PASSWORD, NEW_PASSWORD)
        assert await gate.caller(here.tokens.access_token) == here.caller
        assert await stored.ending(database, there.caller.own_session) == "password_changed"

    async def test_the_current_one_must_be_right(
        self, database: Database, authority: Authority, visitor: Visitor
    ) -> None:
        with pytest.raises(NotAuthenticated) as caught:
            await self.change(database, authority, visitor, "wrong", NEW_PASSWORD)
        assert caught.value.code == "WRONG_PASSWORD"
        await log_in(database, authority, visitor.user.email)

    @pytest.mark.parametrize(
        ("new", "code"),
        [
            ("short", "PASSWORD_TOO_SHORT"),
            (PASSWORD, "PASSWORD_UNCHANGED"),
            ("a" * 15, "PASSWORD_REPEATS"),
        ],
    )
    async def test_the_new_one_must_be_good(
        self, database: Database, authority: Authority, visitor: Visitor, new: str, code: str
    ) -> None:
        with pytest.raises(Invalid) as caught:
            await self.change(database, authority, visitor, PASSWORD, new)
        (field,) = caught.value.fields
        assert (field.pointer, field.code) == ("#/new_password", code)

    async def test_of_two_at_once_one_wins(self, database: Database, authority: Authority, visitor: Visitor) -> None:
        outcomes = await asyncio.gather(
            *(self.change(database, authority, visitor, PASSWORD, f"{NEW_PASSWORD} {number}") for number in range(2)),
            return_exceptions=True,
        )
        assert sorted(isinstance(outcome, Conflict) for outcome in outcomes) == [False, True]

    async def test_a_login_with_the_old_one_cannot_slip_through(
        self, database: Database, authority: Authority, visitor: Visitor
    ) -> None:
        """Its password was verified before the change, and its session would be opened after it."""
        holder = await repository.password_by_id(database.reader, visitor.user.id)
        assert holder is not None
        new_hash = await authority.passwords.hash("new")
        async with unit_of_work(database) as work:
            assert await password_repository.replace_password(
                work, visitor.user.id, old_hash=holder.password_hash, new_hash=new_hash, needs_factor=False
            )
            opening = asyncio.create_task(commands.open_session(database, authority, holder, CLIENT))
            await somebody_waits_for(database, work)
        assert await opening is None


class TestPurgeExpired:
    async def test_only_what_is_past_its_absolute_expiry_goes(
        self, database: Database, new_visitor: NewVisitor
    ) -> None:
        old, idle, live = await new_visitor(), await new_visitor(), await new_visitor()
        await let_absolute_expiry_pass(database, old.caller.own_session)
        await let_idle_expiry_pass(database, idle.caller.own_session)
        assert await commands.purge_expired(database) >= 1
        assert await stored.session(database, old.caller.own_session) is None
        assert await stored.tokens_of(database, old.caller.own_session) == []
        for kept in (idle, live):
            assert await stored.session(database, kept.caller.own_session) is not None

    async def test_it_goes_on_until_nothing_is_left(
        self, database: Database, new_visitor: NewVisitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(commands, "PURGE_BATCH", 2)
        await commands.purge_expired(database)
        for _ in range(5):
            await let_absolute_expiry_pass(database, (await new_visitor()).caller.own_session)
        with database.observed() as statements:
            assert await commands.purge_expired(database) == 5
        assert statements == ["sessions.purge"] * 3

    async def test_two_workers_share_the_work(self, database: Database, new_visitor: NewVisitor) -> None:
        await commands.purge_expired(database)
        for _ in range(4):
            await let_absolute_expiry_pass(database, (await new_visitor()).caller.own_session)
        deleted = await asyncio.gather(*(commands.purge_expired(database) for _ in range(3)))
        assert sum(deleted) == 4


class TestClient:
    def test_what_a_program_says_of_itself_is_cut_and_made_printable(self) -> None:
        assert client_from("curl/8\x9b31m\t" + "x" * 300, "::1").user_agent == "curl/831m" + "x" * 191
