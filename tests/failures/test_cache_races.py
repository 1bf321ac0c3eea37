"""Answers that are loaded while somebody writes, and touches that are late or lost on the way: nothing stale is kept.

`python -m tests.failures.coherence` runs the long version. Redis is given more time to answer here, so that what is
held back comes late and is not given up: only where touches are cut is anything lost.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from app.cache.announcing import NOTICED_SECONDS
from app.cache.versions import PREFIX
from tests.conftest import TEMPLATE, WORKER, Stack, recreate
from tests.failures.read_while_written import HotKeys, RandomDelays, hot_keys
from tests.failures.two_workers import Workers, working
from tests.redis_proxy import RedisProxy

LONGEST_DELAY_SECONDS = 0.08
RACE_SECONDS = 6
CUT_SECONDS = 3
# A sweep that finds much to do, on a machine that does much else.
SPARE_SECONDS = 1
FOUND_WITHIN_SECONDS = 30

MOST_CUTS = 5


@dataclass(frozen=True)
class Way:
    """Workers, and the way of each to Redis."""

    workers: Workers
    proxies: Sequence[RedisProxy]


@asynccontextmanager
async def delayed(database_url: str, redis_url: str, *, number: int = 2, altered: str = "") -> AsyncIterator[Way]:
    """Workers whose writes to Redis are held back at random."""
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(RedisProxy(redis_url)) for _ in range(number)]
        for proxy in proxies:
            proxy.rule = RandomDelays(LONGEST_DELAY_SECONDS)
        names = f"patient,{altered}"
        urls = [proxy.url for proxy in proxies]
        yield Way(
            await stack.enter_async_context(working(database_url, urls, store_url=redis_url, altered=names)), proxies
        )


@pytest.fixture(scope="module")
async def own_database_url(stack: Stack) -> str:
    return await recreate(stack.admin_url, f"todo_races_{WORKER}_test", template=TEMPLATE)


@pytest.fixture
async def broken_database_url(stack: Stack) -> str:
    """For a broken service alone: a sound one would repeat its touches."""
    return await recreate(stack.admin_url, f"todo_broken_{WORKER}_test", template=TEMPLATE)


@pytest.fixture(scope="module")
async def own_redis_url(stack: Stack) -> str:
    """The first key space: proxies know no other."""
    return stack.redis_url


@pytest.fixture(scope="module")
async def way(own_database_url: str, own_redis_url: str) -> AsyncIterator[Way]:
    async with delayed(own_database_url, own_redis_url) as made:
        yield made


async def race(way: Way, *, seconds: float) -> HotKeys:
    """Reads and writes hot keys for so long."""
    keys = await hot_keys(way.workers)
    over = time.monotonic() + seconds
    await keys.run(until=lambda: time.monotonic() > over)
    return keys


async def race_with_a_cut(way: Way, *, seconds: float) -> HotKeys:
    """As `race`, while the first worker's touches are lost for so long; then only reads, until that must be noticed.

    Nobody writes after the cut: another touch of the same tag would mend what was lost.
    """
    keys = await hot_keys(way.workers)
    proxy, mended, noticed = way.proxies[0], asyncio.Event(), asyncio.Event()
    held = proxy.rule

    def lose(command: tuple[bytes, ...]) -> float | None:
        if command[0] == b"SET" and command[1].startswith(PREFIX.encode()) and b"NX" not in command:
            # What follows on the way is lost as well: it would be given the answers of what was lost.
            proxy.blackhole()
        return held(command)

    async def cut() -> None:
        await asyncio.sleep(1)
        proxy.rule = lose
        await asyncio.sleep(seconds)
        mended.set()
        proxy.cut()
        proxy.rule = held
        proxy.mend()
        await asyncio.sleep(NOTICED_SECONDS + SPARE_SECONDS)
        noticed.set()

    bound = NOTICED_SECONDS + SPARE_SECONDS
    await asyncio.gather(cut(), keys.run(until=noticed.is_set, written_until=mended.is_set, grace_seconds=bound))
    return keys


class TestHeldBack:
    async def test_nothing_older_than_what_was_acknowledged_is_shown_or_kept(self, way: Way) -> None:
        passed = way.proxies[0].accepted
        keys = await race(way, seconds=RACE_SECONDS)
        assert keys.failed == []
        assert keys.stale == []
        assert await keys.mismatches() == []
        assert keys.writes > 50
        assert keys.reads > 200
        # A connection that had been lost would have been no cache for a while.
        assert way.proxies[0].accepted == passed


class TestCut:
    async def test_lost_touches_are_noticed_in_time(self, way: Way) -> None:
        keys = await race_with_a_cut(way, seconds=CUT_SECONDS)
        assert keys.failed == []
        assert keys.stale == []
        assert await keys.mismatches() == []
        assert keys.writes > 50


class TestNegativeControls:
    @pytest.mark.parametrize("altered", ["versions_after_load", "touch_before_commit", "no_touch"])
    async def test_a_broken_service_is_found(self, broken_database_url: str, own_redis_url: str, altered: str) -> None:
        async with delayed(broken_database_url, own_redis_url, number=1, altered=altered) as broken:
            keys = await hot_keys(broken.workers)
            over = time.monotonic() + FOUND_WITHIN_SECONDS
            await keys.run(until=lambda: bool(keys.stale) or time.monotonic() > over)
            assert keys.stale

    async def test_a_service_that_repeats_no_touch_is_found(self, broken_database_url: str, own_redis_url: str) -> None:
        async with delayed(broken_database_url, own_redis_url, altered="no_repetition") as broken:
            # A touch that was lost shows only if the same key is not written once more after the cut.
            for _ in range(MOST_CUTS):
                keys = await race_with_a_cut(broken, seconds=2)
                if keys.stale or await keys.mismatches():
                    return
            pytest.fail("nothing stale was found")
