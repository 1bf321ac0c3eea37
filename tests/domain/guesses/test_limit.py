"""How often somebody may guess, one after another and at once."""

import asyncio
from datetime import timedelta

import pytest

from app.database.executor import Database
from app.domain.errors import TooManyAttempts
from app.domain.guesses import limit
from app.domain.guesses.limit import MAXIMUM, WINDOW, Guess, Secret
from app.domain.ids import UserId
from tests.domain.identity.clocks import let_time_pass_since_guesses
from tests.factories import make_user


@pytest.fixture
async def user_id(database: Database) -> UserId:
    return (await make_user(database)).id


async def guess(database: Database, user_id: UserId) -> Guess:
    return await limit.admit(database, user_id, Secret.PASSWORD)


async def is_refused(database: Database, user_id: UserId) -> bool:
    try:
        await guess(database, user_id)
    except TooManyAttempts:
        return True
    return False


class TestAdmit:
    async def test_after_five_wrong_ones_none_is_looked_at(self, database: Database, user_id: UserId) -> None:
        assert [await is_refused(database, user_id) for _ in range(7)] == [False] * MAXIMUM + [True] * 2

    async def test_the_refusal_says_when_to_come_back(self, database: Database, user_id: UserId) -> None:
        for _ in range(MAXIMUM):
            await guess(database, user_id)
        await let_time_pass_since_guesses(database, user_id, WINDOW - timedelta(minutes=2))
        with pytest.raises(TooManyAttempts) as caught:
            await guess(database, user_id)
        assert 110 <= caught.value.retry_after_seconds <= 120

    async def test_when_the_time_is_over_counting_begins_anew(self, database: Database, user_id: UserId) -> None:
        for _ in range(MAXIMUM):
            await guess(database, user_id)
        await let_time_pass_since_guesses(database, user_id, WINDOW)
        assert [await is_refused(database, user_id) for _ in range(6)] == [False] * MAXIMUM + [True]

    async def test_each_user_has_a_count_of_their_own(self, database: Database, user_id: UserId) -> None:
        for _ in range(MAXIMUM):
            await guess(database, user_id)
        assert not await is_refused(database, (await make_user(database)).id)

    async def test_of_forty_at_once_five_are_looked_at(self, database: Database, user_id: UserId) -> None:
        refused = await asyncio.gather(*(is_refused(database, user_id) for _ in range(40)))
        assert refused.count(False) == MAXIMUM


class TestWasRight:
    async def test_a_right_one_does_not_count(self, database: Database, user_id: UserId) -> None:
        for _ in range(MAXIMUM - 1):
            await guess(database, user_id)
        for _ in range(3):
            await limit.was_right(database.autocommit(), await guess(database, user_id))
        assert [await is_refused(database, user_id) for _ in range(2)] == [False, True]

    async def test_it_takes_nothing_from_those_counted_anew(self, database: Database, user_id: UserId) -> None:
        early = await guess(database, user_id)
        await let_time_pass_since_guesses(database, user_id, WINDOW)
        for _ in range(MAXIMUM):
            await guess(database, user_id)
        await limit.was_right(database.autocommit(), early)
        assert await is_refused(database, user_id)
