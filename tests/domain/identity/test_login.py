"""Logging in."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from argon2 import PasswordHasher

from app.database.executor import Database
from app.domain.errors import NotAuthenticated
from app.domain.identity import administration, commands
from app.domain.identity.administration import AccessChange
from app.domain.identity.authority import Authority
from app.domain.identity.gate import SessionGate
from app.domain.identity.session import Tokens
from app.domain.users import repository
from app.domain.users.user import User
from tests.domain.identity import stored
from tests.domain.identity.conftest import NewVisitor
from tests.factories import CLIENT, PASSWORD, make_user


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


async def log_in(database: Database, authority: Authority, email: str, password: str = PASSWORD) -> Tokens:
    tokens = await commands.log_in(database, authority, email=email, password=password, client=CLIENT)
    assert isinstance(tokens, Tokens)
    return tokens


async def refusal(database: Database, authority: Authority, email: str, password: str = PASSWORD) -> str:
    with pytest.raises(NotAuthenticated) as caught:
        await log_in(database, authority, email, password)
    return caught.value.code


class TestLogIn:
    async def test_it_opens_a_session(self, database: Database, authority: Authority, gate: SessionGate) -> None:
        user = await make_user(database)
        tokens = await log_in(database, authority, user.email)
        caller = await gate.caller(tokens.access_token)
        session = await stored.session(database, caller.own_session)
        assert session is not None
        assert (session.user_agent, session.address) == (CLIENT.user_agent, CLIENT.address)
        assert (tokens.expires_in, tokens.refresh_expires_in) == (900, 14 * 24 * 3600)
        assert session.expires_at > session.idle_expires_at

    async def test_a_password_is_good_however_old_it_is(self, database: Database, authority: Authority) -> None:
        user = await make_user(database)
        async with database.transaction() as work:
            await work._connection.raw.execute(
                "UPDATE users SET created_at = $2, updated_at = $2 WHERE id = $1",
                user.id,
                datetime(2001, 1, 1, tzinfo=UTC),
            )
        await log_in(database, authority, user.email)

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
