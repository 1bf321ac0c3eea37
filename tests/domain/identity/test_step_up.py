"""Fresh proof: what gives it, how long it lasts, and how often it can be tried."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.database.executor import Database
from app.domain.errors import NotAuthenticated, TooManyAttempts
from app.domain.guesses.limit import MAXIMUM
from app.domain.identity import commands, rotation, step_up
from app.domain.identity.authority import Authority
from app.domain.second_factors.keys import FactorKeys
from app.domain.unit_of_work import unit_of_work
from app.domain.users.caller import Caller
from tests.domain.identity.clocks import let_absolute_expiry_pass, let_proof_age
from tests.domain.identity.conftest import NewVisitor, Visitor
from tests.factories import PASSWORD


async def is_fresh(database: Database, caller: Caller) -> bool:
    code = ""
    try:
        async with unit_of_work(database) as work:
            await step_up.require_fresh(work, caller)
    except NotAuthenticated as refused:
        code = refused.code
    return {"": True, "STEP_UP_REQUIRED": False}[code]


async def prove(
    database: Database, authority: Authority, keys: FactorKeys, caller: Caller, password: str = PASSWORD
) -> datetime:
    return await step_up.step_up(database, authority, keys, caller, password)


class TestRequireFresh:
    async def test_a_login_is_proof(self, database: Database, visitor: Visitor) -> None:
        assert await is_fresh(database, visitor.caller)

    async def test_it_ages(self, database: Database, visitor: Visitor) -> None:
        await let_proof_age(database, visitor.caller.own_session)
        assert not await is_fresh(database, visitor.caller)

    async def test_a_refresh_is_no_proof(self, database: Database, authority: Authority, visitor: Visitor) -> None:
        await let_proof_age(database, visitor.caller.own_session)
        await rotation.refresh(database, authority, visitor.tokens.refresh_token)
        assert not await is_fresh(database, visitor.caller)

    async def test_a_session_that_has_ended_is_not_fresh(self, database: Database, visitor: Visitor) -> None:
        await commands.log_out(database, visitor.caller)
        assert not await is_fresh(database, visitor.caller)

    async def test_it_costs_one_statement(self, database: Database, visitor: Visitor) -> None:
        with database.observed() as statements:
            await is_fresh(database, visitor.caller)
        assert statements == ["sessions.fresh"]


class TestStepUp:
    async def test_the_password_makes_it_fresh_for_ten_minutes(
        self, database: Database, authority: Authority, keys: FactorKeys, visitor: Visitor
    ) -> None:
        await let_proof_age(database, visitor.caller.own_session)
        until = await prove(database, authority, keys, visitor.caller)
        assert await is_fresh(database, visitor.caller)
        assert timedelta(minutes=9) < until - datetime.now(UTC) <= timedelta(minutes=11)

    async def test_other_sessions_stay_as_they_are(
        self, database: Database, authority: Authority, keys: FactorKeys, new_visitor: NewVisitor
    ) -> None:
        here = await new_visitor()
        there = await new_visitor(here.user)
        await let_proof_age(database, there.caller.own_session)
        await prove(database, authority, keys, here.caller)
        assert not await is_fresh(database, there.caller)

    async def test_a_wrong_password_proves_nothing(
        self, database: Database, authority: Authority, keys: FactorKeys, visitor: Visitor
    ) -> None:
        await let_proof_age(database, visitor.caller.own_session)
        with pytest.raises(NotAuthenticated) as caught:
            await prove(database, authority, keys, visitor.caller, "wrong")
        assert caught.value.code == "WRONG_PASSWORD"
        assert not await is_fresh(database, visitor.caller)

    async def test_a_session_that_has_ended_stays_so(
        self, database: Database, authority: Authority, keys: FactorKeys, visitor: Visitor
    ) -> None:
        await let_absolute_expiry_pass(database, visitor.caller.own_session)
        with pytest.raises(NotAuthenticated) as caught:
            await prove(database, authority, keys, visitor.caller)
        assert caught.value.code == "SESSION_ENDED"

    async def test_of_twenty_guesses_at_once_five_are_hashed(
        self,
        database: Database,
        authority: Authority,
        keys: FactorKeys,
        visitor: Visitor,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        spent: list[str] = []
        original = authority.passwords._verify

        def verify(password_hash: str, password: str) -> bool:
            spent.append(password)
            return original(password_hash, password)

        monkeypatch.setattr(authority.passwords, "_verify", verify)
        guesses = (prove(database, authority, keys, visitor.caller, f"wrong {number}") for number in range(20))
        outcomes = [type(outcome) for outcome in await asyncio.gather(*guesses, return_exceptions=True)]
        assert outcomes.count(TooManyAttempts) == 20 - MAXIMUM
        assert outcomes.count(NotAuthenticated) == MAXIMUM
        assert len(spent) == MAXIMUM
        with pytest.raises(TooManyAttempts):
            await prove(database, authority, keys, visitor.caller)

    async def test_guesses_at_the_current_password_count_as_well(
        self, database: Database, authority: Authority, keys: FactorKeys, visitor: Visitor
    ) -> None:
        for _ in range(MAXIMUM):
            with pytest.raises(NotAuthenticated):
                await commands.change_password(
                    database,
                    authority,
                    keys.cipher,
                    visitor.caller,
                    current_password="wrong",
                    new_password="blue penguin umbrella",
                )
        with pytest.raises(TooManyAttempts):
            await prove(database, authority, keys, visitor.caller)
