"""A place in the pool is neither lost nor given twice, whatever happens to whoever holds or wants it."""

import asyncio
import random
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.database.errors import DatabaseUnavailable
from app.database.executor import Database
from app.database.pool import Pool, PooledConnection
from app.settings import load_settings


async def until_waiting(pool: Pool, number: int) -> None:
    async with asyncio.timeout(5):
        while pool.usage["waiting"] != number:
            await asyncio.sleep(0.005)


async def test_one_that_is_cancelled_while_it_rolls_back_gives_its_place_back(
    lone: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolling_back = asyncio.Event()
    execute = asyncpg.Connection.execute

    async def slow_to_roll_back(connection: Any, statement: str) -> str:
        if statement == "ROLLBACK":
            rolling_back.set()
            await asyncio.sleep(30)
        return await execute(connection, statement)

    async def fail() -> None:
        async with lone.transaction():
            raise ZeroDivisionError

    monkeypatch.setattr(asyncpg.Connection, "execute", slow_to_roll_back)
    task = asyncio.create_task(fail())
    async with asyncio.timeout(5):
        await rolling_back.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lone.pool.usage["open"] == 0
    async with lone.transaction():
        assert lone.pool.usage["open"] == 1


async def test_a_discarded_one_makes_no_room_for_newcomers_beside_the_waiter(lone: Database) -> None:
    held = await lone.pool.acquire()
    waiting = asyncio.create_task(lone.pool.acquire())
    await until_waiting(lone.pool, 1)
    lone.pool.discard(held)
    newcomer = asyncio.create_task(lone.pool.acquire())
    first = await waiting
    assert lone.pool.usage["open"] == 1
    lone.pool.release(first)
    lone.pool.release(await newcomer)


async def test_a_failed_opening_refuses_one_and_the_next_waiter_tries_again(
    lone: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await lone.pool.acquire()
    waiting = [asyncio.create_task(lone.pool.acquire()) for _ in range(2)]
    await until_waiting(lone.pool, 2)
    connect, attempts = Pool._connect, []

    async def fail_once(pool: Pool) -> PooledConnection:
        attempts.append(1)
        if len(attempts) == 1:
            raise DatabaseUnavailable("DATABASE_UNAVAILABLE")
        return await connect(pool)

    monkeypatch.setattr(Pool, "_connect", fail_once)
    lone.pool.discard(held)
    with pytest.raises(DatabaseUnavailable):
        await waiting[0]
    lone.pool.release(await waiting[1])
    assert (len(attempts), lone.pool.usage["open"]) == (2, 1)


async def test_random_cancellations_lose_no_place(lone: Database) -> None:
    dice = random.Random(11)

    async def use() -> None:
        async with lone.transaction():
            await asyncio.sleep(dice.random() / 500)

    for _ in range(60):
        tasks = [asyncio.create_task(use()) for _ in range(4)]
        await asyncio.sleep(dice.random() / 250)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(5):
        while lone.pool.usage["open"] != lone.pool.usage["idle"]:
            await asyncio.sleep(0.005)
    async with lone.transaction():
        assert lone.pool.usage["open"] == 1


@pytest.mark.parametrize("wrong", ["database", "user"])
async def test_a_database_that_cannot_be_entered_is_unavailable(lone_url: str, wrong: str) -> None:
    parts = urlsplit(lone_url)
    nobody = f"nobody_there@{parts.netloc.rpartition('@')[2]}"
    url = (parts._replace(path="/absent_test") if wrong == "database" else parts._replace(netloc=nobody)).geturl()
    database = Database(load_settings(DATABASE_URL=url).database)
    with pytest.raises(DatabaseUnavailable):
        await database.pool.acquire()
    assert database.pool.usage["open"] == 0
    await database.close()
