"""Costly loads: of several processes one loads, and the others are given what it got, for a moment at most."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from app.cache.layer import LEASE_MILLISECONDS
from tests.cache.processes import Process, new_number, place_of, stopped, tag_of
from tests.redis_proxy import RedisProxy
from tests.valkey_servers import until


@pytest.fixture
def number() -> int:
    return new_number()


async def _a_moment() -> None:
    await asyncio.sleep(0.05)


class TestLease:
    @pytest.fixture
    async def cold(self, process: Process, other: Process, number: int) -> int:
        """A number that nobody has loaded, and whose tag has a version."""
        await process.write(number, 9)
        return number

    @staticmethod
    async def load_costly(
        process: Process, number: int, first: Callable[[], Awaitable[None]] = _a_moment
    ) -> int | None:
        cache, tags = process.cache, (tag_of(number),)
        looked = await cache.look(place_of(number), tags)
        basis = await cache.basis(tags, looked)
        assert basis is not None

        async def slowly() -> int | None:
            await first()
            return await process.load(number)

        return (await cache.load(place_of(number), basis, slowly, is_costly=True)).value

    async def test_of_two_processes_one_loads(self, process: Process, other: Process, cold: int) -> None:
        both = [self.load_costly(each, cold) for each in (process, other)]
        assert await asyncio.gather(*both) == [9, 9]
        assert process.loads + other.loads == 1

    async def test_who_holds_the_lease_and_hangs_delays_the_others_by_no_more_than_the_lease(
        self, process: Process, other: Process, cold: int
    ) -> None:
        has_begun = asyncio.Event()

        async def hang() -> None:
            has_begun.set()
            await asyncio.Event().wait()

        hanging = asyncio.create_task(self.load_costly(process, cold, hang))
        await has_begun.wait()
        started = time.monotonic()
        assert await self.load_costly(other, cold) == 9
        assert 0.1 < time.monotonic() - started < LEASE_MILLISECONDS / 1000 + 1
        await stopped(hanging)

    async def test_without_redis_nobody_waits(self, process: Process, proxy: RedisProxy, cold: int) -> None:
        cache, tags = process.cache, (tag_of(cold),)
        basis = await cache.basis(tags, await cache.look(place_of(cold), tags))
        assert basis is not None
        proxy.cut()
        await until(lambda: process.link.connected is None)
        entry = await cache.load(place_of(cold), basis, lambda: process.load(cold), is_costly=True)
        assert (entry.value, cache.held(place_of(cold))) == (9, None)
