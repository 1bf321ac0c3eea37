"""Coming in and going out."""

import asyncio
from uuid import uuid4

import pytest
from argon2 import PasswordHasher

from app.database.executor import Database, Transaction
from app.domain.errors import Conflict, Invalid, NotAuthenticated, NotFound
from app.domain.identity import administration, commands
from app.domain.identity.administration import AccessChange
from app.domain.identity.authority import Authority
from app.domain.identity.commands import Registration
from app.domain.identity.gate import SessionGate
from app.domain.identity.session import Tokens, client_from
from app.domain.ids import SessionId
from app.domain.unit_of_work import unit_of_work
from app.domain.users import repository
from app.domain.users.user import User
from tests.domain.identity import stored
from tests.domain.identity.clocks import let_absolute_expiry_pass, let_idle_expiry_pass
from tests.domain.identity.conftest import NewVisitor, Visitor
from tests.factories import CLIENT, PASSWORD, make_user

NEW_PASSWORD = "blue penguin umbrella"


@pytest.fixture
def verifications(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords on which a verification was spent, in order."""
    spent: list[str] = []
    original = authority.passwords._verify

    def verify(password_hash: str, password: str) -> bool:
        spent.append(password)
        return original(password_hash, password)

    monkeypatch.setattr(authority.passwords, "_verify", verify)
    return spent


def somebody(**fields: str) -> Registration:
    return Registration(**{"email": f"{uuid4().hex}@example.com", "name": "Ann", "password": PASSWORD, **fields})


async def log_in(database: Database, authority: Authority, email: str, password: str = PASSWORD) -> Tokens:
    return await commands.log_in(database, authority, email=email, password=password, client=CLIENT)


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


class TestRegister:
    async def test_an_account_comes_with_a_personal_team(
        self, database: Database, authority: Authority, gate: SessionGate
    ) -> None:
        user = await commands.register(database, authority, somebody(name=" Ann ", timezone="Europe/Berlin"))
        assert (user.name, user.timezone, user.roles, user.is_active, user.version) == (
            "Ann",
            "Europe/Berlin",
            [],
            True,
            1,
        )
        caller = await gate.caller((await log_in(database, authority, user.email)).access_token)
        assert caller.user_id == user.id

    async def test_the_address_stays_as_it_is_written_and_is_taken_in_every_case(
        self, database: Database, authority: Authority
    ) -> None:
        email = f"Ann.{uuid4().hex}@Example.COM"
        assert (await commands.register(database, authority, somebody(email=email))).email == email
        with pytest.raises(Conflict) as caught:
            await commands.register(database, authority, somebody(email=email.swapcase()))
        assert caught.value.code == "EMAIL_TAKEN"

    async def test_of_many_at_once_one_gets_the_address(self, database: Database, authority: Authority) -> None:
        registration = somebody()
        outcomes = await asyncio.gather(
            *(commands.register(database, authority, registration) for _ in range(5)), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes].count(User) == 1
        assert [type(outcome) for outcome in outcomes].count(Conflict) == 4

    async def test_every_fault_is_named(self, database: Database, authority: Authority) -> None:
        with pytest.raises(Invalid) as caught:
            await commands.register(database, authority, Registration("nobody", " ", "short", "Mars/Olympus"))
        assert {(field.pointer, field.code) for field in caught.value.fields} == {
            ("#/email", "EMAIL_FORMAT"),
            ("#/name", "LENGTH"),
            ("#/password", "PASSWORD_TOO_SHORT"),
            ("#/timezone", "UNKNOWN_TIMEZONE"),
        }

    async def test_ones_own_address_is_no_password(self, database: Database, authority: Authority) -> None:
        email = f"{uuid4().hex}@example.com"
        with pytest.raises(Invalid) as caught:
            await commands.register(database, authority, somebody(email=email, password=email))
        assert caught.value.fields[0].code == "PASSWORD_IS_PERSONAL"


class TestLogIn:
    async def test_it_opens_a_session(self, database: Database, authority: Authority, gate: SessionGate) -> None:
        user = await make_user(database)
        tokens = await log_in(database, authority, user.email)
        caller = await gate.caller(tokens.access_token)
        session = await stored.session(database, caller.session_id)
        assert session is not None
        assert (session.user_agent, session.address) == (CLIENT.user_agent, CLIENT.address)
        assert (tokens.expires_in, tokens.refresh_expires_in) == (900, 14 * 24 * 3600)
        assert session.expires_at > session.idle_expires_at

    async def test_the_case_of_the_address_does_not_matter(self, database: Database, authority: Authority) -> None:
        user = await make_user(database)
        await log_in(database, authority, user.email.upper())

    async def test_the_case_of_the_password_does(self, database: Database, authority: Authority) -> None:
        user = await make_user(database)
        assert await refusal(database, authority, user.email, PASSWORD.upper()) == "INVALID_CREDENTIALS"

    async def test_two_logins_are_two_sessions(
        self, database: Database, authority: Authority, gate: SessionGate
    ) -> None:
        user = await make_user(database)
        one, two = await log_in(database, authority, user.email), await log_in(database, authority, user.email)
        assert (await gate.caller(one.access_token)).session_id != (await gate.caller(two.access_token)).session_id

    async def test_a_deactivated_account_gets_the_answer_of_an_unknown_one(
        self, database: Database, authority: Authority, new_visitor: NewVisitor
    ) -> None:
        user = await make_user(database)
        administrator = (await new_visitor(roles=("admin",))).caller
        await administration.change_access(database, administrator, user.id, AccessChange(is_active=False))
        assert await refusal(database, authority, user.email) == "INVALID_CREDENTIALS"


class TestEqualWork:
    """Whoever guesses learns nothing from the time: each attempt verifies exactly one hash of the same cost."""

    async def test_for_a_known_address(
        self, database: Database, authority: Authority, verifications: list[str]
    ) -> None:
        user = await make_user(database)
        await refusal(database, authority, user.email, "wrong")
        assert verifications == ["wrong"]

    async def test_for_an_unknown_one(self, database: Database, authority: Authority, verifications: list[str]) -> None:
        await refusal(database, authority, "nobody@example.com", "wrong")
        assert verifications == ["wrong"]

    async def test_the_same_statements_run(self, database: Database, authority: Authority) -> None:
        user = await make_user(database)
        with database.observed() as known:
            await refusal(database, authority, user.email, "wrong")
        with database.observed() as unknown:
            await refusal(database, authority, "nobody@example.com", "wrong")
        assert known == unknown == ["users.password_by_email"]


class TestOutdatedHash:
    @pytest.fixture
    async def old_timer(self, database: Database) -> User:
        weaker = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
        return await commands.create_account(
            database, email=f"{uuid4().hex}@example.com", name="Ann", password_hash=weaker
        )

    async def test_login_replaces_it(self, database: Database, authority: Authority, old_timer: User) -> None:
        await log_in(database, authority, old_timer.email)
        holder = await repository.password_by_id(database.reader, old_timer.id)
        assert holder is not None
        assert not authority.passwords.is_outdated(holder.password_hash)
        await log_in(database, authority, old_timer.email)

    async def test_the_version_stays(self, database: Database, authority: Authority, old_timer: User) -> None:
        await log_in(database, authority, old_timer.email)
        assert await repository.by_id(database.reader, old_timer.id) == old_timer

    async def test_simultaneous_logins_all_succeed(
        self, database: Database, authority: Authority, old_timer: User
    ) -> None:
        await asyncio.gather(*(log_in(database, authority, old_timer.email) for _ in range(6)))

    async def test_a_wrong_password_replaces_nothing(
        self, database: Database, authority: Authority, old_timer: User
    ) -> None:
        await refusal(database, authority, old_timer.email, "wrong")
        holder = await repository.password_by_id(database.reader, old_timer.id)
        assert holder is not None
        assert authority.passwords.is_outdated(holder.password_hash)


class TestLogOut:
    async def test_it_ends_this_session_only(
        self, database: Database, gate: SessionGate, new_visitor: NewVisitor
    ) -> None:
        here = await new_visitor()
        there = await new_visitor(here.user)
        await commands.log_out(database, here.caller)
        assert await stored.ending(database, here.caller.session_id) == "logout"
        assert await gate.caller(there.tokens.access_token) == there.caller

    async def test_twice_is_the_same_as_once(self, database: Database, visitor: Visitor) -> None:
        await commands.log_out(database, visitor.caller)
        await commands.log_out_everywhere(database, visitor.caller)
        assert await stored.ending(database, visitor.caller.session_id) == "logout"

    async def test_everywhere_ends_all_sessions_of_this_user(
        self, database: Database, gate: SessionGate, new_visitor: NewVisitor
    ) -> None:
        here, stranger = await new_visitor(), await new_visitor()
        there = await new_visitor(here.user)
        await commands.log_out_everywhere(database, here.caller)
        for session in (here, there):
            assert await stored.ending(database, session.caller.session_id) == "logout_all"
        assert await gate.caller(stranger.tokens.access_token) == stranger.caller


class TestRevokeSession:
    async def test_it_ends_one_of_ones_own(self, database: Database, new_visitor: NewVisitor) -> None:
        here = await new_visitor()
        there = await new_visitor(here.user)
        await commands.revoke_session(database, here.caller, there.caller.session_id)
        assert await stored.ending(database, there.caller.session_id) == "revoked"
        assert await stored.ending(database, here.caller.session_id) is None

    async def test_that_of_somebody_else_does_not_exist(self, database: Database, new_visitor: NewVisitor) -> None:
        here, stranger = await new_visitor(), await new_visitor()
        with pytest.raises(NotFound):
            await commands.revoke_session(database, here.caller, stranger.caller.session_id)
        assert await stored.ending(database, stranger.caller.session_id) is None

    async def test_one_that_has_ended_does_not_exist_any_more(
        self, database: Database, new_visitor: NewVisitor
    ) -> None:
        here = await new_visitor()
        idle = await new_visitor(here.user)
        await let_idle_expiry_pass(database, idle.caller.session_id)
        for session_id in (idle.caller.session_id, SessionId(uuid4())):
            with pytest.raises(NotFound):
                await commands.revoke_session(database, here.caller, session_id)


class TestChangePassword:
    async def change(self, database: Database, authority: Authority, visitor: Visitor, current: str, new: str) -> None:
        await commands.change_password(database, authority, visitor.caller, current_password=current, new_password=new)

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
        assert await stored.ending(database, there.caller.session_id) == "password_changed"

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
        async with unit_of_work(database) as work:
            assert await repository.replace_password(
                work, visitor.user.id, old_hash=holder.password_hash, new_hash=await authority.passwords.hash("new")
            )
            opening = asyncio.create_task(commands.open_session(database, authority, holder, CLIENT))
            await somebody_waits_for(database, work)
        assert await opening is None


class TestPurgeExpired:
    async def test_only_what_is_past_its_absolute_expiry_goes(
        self, database: Database, new_visitor: NewVisitor
    ) -> None:
        old, idle, live = await new_visitor(), await new_visitor(), await new_visitor()
        await let_absolute_expiry_pass(database, old.caller.session_id)
        await let_idle_expiry_pass(database, idle.caller.session_id)
        assert await commands.purge_expired(database) >= 1
        assert await stored.session(database, old.caller.session_id) is None
        assert await stored.tokens_of(database, old.caller.session_id) == []
        for kept in (idle, live):
            assert await stored.session(database, kept.caller.session_id) is not None

    async def test_it_goes_on_until_nothing_is_left(
        self, database: Database, new_visitor: NewVisitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(commands, "PURGE_BATCH", 2)
        await commands.purge_expired(database)
        for _ in range(5):
            await let_absolute_expiry_pass(database, (await new_visitor()).caller.session_id)
        with database.observed() as statements:
            assert await commands.purge_expired(database) == 5
        assert statements == ["sessions.purge"] * 3

    async def test_two_workers_share_the_work(self, database: Database, new_visitor: NewVisitor) -> None:
        await commands.purge_expired(database)
        for _ in range(4):
            await let_absolute_expiry_pass(database, (await new_visitor()).caller.session_id)
        deleted = await asyncio.gather(*(commands.purge_expired(database) for _ in range(3)))
        assert sum(deleted) == 4


class TestClient:
    def test_what_a_program_says_of_itself_is_cut_and_made_printable(self) -> None:
        assert client_from("curl/8\x9b31m\t" + "x" * 300, "::1").user_agent == "curl/831m" + "x" * 191
