"""The pool: its bounds, its fairness, and what it does with broken connections."""

import asyncio

import asyncpg
import pytest

from app.database.errors import DatabaseUnavailable
from app.database.pool import Pool, PoolOptions
from app.settings import Settings


@pytest.fixture
async def pool(settings: Settings):
    made = Pool(
        PoolOptions(
            url=settings.database.url.get_secret_value(),
            size=1,
            overflow=1,
            timeout_seconds=0.5,
            query_timeout_seconds=5,
            application_name="pool-test",
        )
    )
    yield made
    await made.close()


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


class TestBounds:
    async def test_it_opens_no_more_than_size_and_overflow(self, pool: Pool) -> None:
        first, second = await pool.acquire(), await pool.acquire()
        with pytest.raises(DatabaseUnavailable) as unavailable:
            await pool.acquire()
        assert unavailable.value.code == "DATABASE_POOL_EXHAUSTED"
        assert pool.usage == {"size": 1, "overflow": 1, "open": 2, "idle": 0, "waiting": 0}
        pool.release(first)
        pool.release(second)

    async def test_a_connection_is_used_again(self, pool: Pool) -> None:
        first = await pool.acquire()
        pool.release(first)
        assert await pool.acquire() is first
        pool.release(first)


class TestFairness:
    async def test_waiters_are_served_in_order_and_before_newcomers(self, pool: Pool) -> None:
        held = [await pool.acquire(), await pool.acquire()]
        served: list[int] = []

        async def use(number: int) -> None:
            connection = await pool.acquire()
            served.append(number)
            await asyncio.sleep(0)
            pool.release(connection)

        tasks = [asyncio.create_task(use(number)) for number in range(20)]
        await until(lambda: pool.usage["waiting"] == 20)
        for connection in held:
            pool.release(connection)
        tasks.append(asyncio.create_task(use(20)))
        await asyncio.gather(*tasks)
        assert served == list(range(21))

    async def test_a_cancelled_waiter_passes_its_turn_on(self, pool: Pool) -> None:
        held = [await pool.acquire(), await pool.acquire()]
        first, second = asyncio.create_task(pool.acquire()), asyncio.create_task(pool.acquire())
        await until(lambda: pool.usage["waiting"] == 2)
        pool.release(held[0])  # `first` has its connection now, and is cancelled before it can run.
        first.cancel()
        connection = await second
        with pytest.raises(asyncio.CancelledError):
            await first
        pool.release(connection)
        pool.release(held[1])
        assert pool.usage["open"] == pool.usage["idle"] == 2


class TestBrokenConnections:
    async def test_one_that_was_killed_while_idle_is_replaced(self, pool: Pool, settings: Settings) -> None:
        connection = await pool.acquire()
        killed = connection.raw.get_server_pid()
        pool.release(connection)
        admin = await asyncpg.connect(settings.database.url.get_secret_value())
        await admin.execute("SELECT pg_terminate_backend($1)", killed)
        await admin.close()
        await until(connection.raw.is_closed)
        replaced = await pool.acquire()
        assert [tuple(row) for row in await replaced.fetch("SELECT 1", [])] == [(1,)]
        pool.release(replaced)
        assert pool.usage["open"] == 1

    async def test_a_waiter_gets_a_new_one_when_one_is_discarded(self, pool: Pool) -> None:
        held = [await pool.acquire(), await pool.acquire()]
        waiting = asyncio.create_task(pool.acquire())
        await until(lambda: pool.usage["waiting"] == 1)
        pool.discard(held[0])
        fresh = await waiting
        assert fresh not in held
        pool.release(fresh)
        pool.release(held[1])

    async def test_closing_refuses_whoever_waits(self, pool: Pool) -> None:
        held = [await pool.acquire(), await pool.acquire()]
        waiting = asyncio.create_task(pool.acquire())
        await until(lambda: pool.usage["waiting"] == 1)
        await pool.close()
        with pytest.raises(DatabaseUnavailable):
            await waiting
        for connection in held:
            pool.release(connection)
        assert pool.usage["open"] == 0
