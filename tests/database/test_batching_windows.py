"""How long a batch waits for company, and when it does not."""

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar

from app.database.batching import Batcher

AN_HOUR = 3600.0
SPEAKER: ContextVar[str] = ContextVar("SPEAKER", default="nobody")


class Echo:
    """Answers every key with itself, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    async def load(self, keys: list[int]) -> Mapping[int, int]:
        self.asked.append(keys)
        return {key: key for key in keys}


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


class TestWindow:
    async def test_whoever_comes_within_it_is_answered_together(self) -> None:
        echo = Echo()
        batcher = Batcher(echo.load, window_seconds=0.05)
        first = asyncio.create_task(batcher.get(1))
        await turns(5)
        async with asyncio.timeout(5):
            assert list(await asyncio.gather(first, batcher.get(2))) == [1, 2]
        assert echo.asked == [[1, 2]]

    async def test_whoever_comes_after_it_is_answered_by_the_next(self) -> None:
        echo = Echo()
        batcher = Batcher(echo.load, window_seconds=0.01)
        async with asyncio.timeout(5):
            assert [await batcher.get(1), await batcher.get(2)] == [1, 2]
        assert echo.asked == [[1], [2]]

    async def test_its_batch_runs_in_the_context_of_nobody(self) -> None:
        async def who(keys: list[int]) -> Mapping[int, str]:
            return dict.fromkeys(keys, SPEAKER.get())

        SPEAKER.set("Ann")
        assert await Batcher(who, window_seconds=0.001).get(1) == "nobody"
        assert await Batcher(who, window_seconds=AN_HOUR, max_size=1).get(1) == "nobody"


class TestFullBatch:
    async def test_it_starts_at_once(self) -> None:
        echo = Echo()
        batcher = Batcher(echo.load, window_seconds=AN_HOUR, max_size=2)
        async with asyncio.timeout(5):
            assert list(await asyncio.gather(batcher.get(1), batcher.get(2))) == [1, 2]
        assert echo.asked == [[1, 2]]

    async def test_it_does_not_cut_the_window_of_the_next_one_short(self) -> None:
        batcher = Batcher(Echo().load, window_seconds=AN_HOUR, max_size=2)
        first = asyncio.create_task(batcher.get(1))
        await turns(1)
        start = batcher._start_later
        assert start is not None
        async with asyncio.timeout(5):
            await asyncio.gather(first, batcher.get(2))
        assert start.cancelled()

    async def test_the_same_key_twice_does_not_fill_it(self) -> None:
        echo = Echo()
        batcher = Batcher(echo.load, window_seconds=0.05, max_size=2)
        async with asyncio.timeout(5):
            assert list(await asyncio.gather(batcher.get(1), batcher.get(1))) == [1, 1]
        assert echo.asked == [[1]]

    async def test_the_next_one_waits_for_its_own_company(self) -> None:
        echo = Echo()
        batcher = Batcher(echo.load, window_seconds=0.05, max_size=2)
        async with asyncio.timeout(5):
            await asyncio.gather(*(batcher.get(key) for key in (1, 2, 3)))
        assert echo.asked == [[1, 2], [3]]


class TestCancelledBeforeTheStart:
    async def test_what_nobody_waits_for_is_not_asked(self) -> None:
        echo = Echo()
        batcher = Batcher(echo.load, window_seconds=0.05)
        leaving, staying = asyncio.create_task(batcher.get(1)), asyncio.create_task(batcher.get(2))
        await turns(2)
        leaving.cancel()
        assert await asyncio.wait_for(staying, 5) == 2
        assert echo.asked == [[2]]

    async def test_one_of_two_who_want_the_same_may_leave(self) -> None:
        echo = Echo()
        batcher = Batcher(echo.load, window_seconds=0.05)
        leaving, staying = asyncio.create_task(batcher.get(1)), asyncio.create_task(batcher.get(1))
        await turns(2)
        leaving.cancel()
        assert await asyncio.wait_for(staying, 5) == 1
        assert echo.asked == [[1]]

    async def test_if_all_leave_nothing_is_asked_and_the_next_one_is_answered(self) -> None:
        echo = Echo()
        batcher = Batcher(echo.load, window_seconds=0.02)
        leaving = asyncio.create_task(batcher.get(1))
        await turns(2)
        leaving.cancel()
        async with asyncio.timeout(5):
            while batcher._waiting:
                await asyncio.sleep(0.005)
            assert await batcher.get(2) == 2
        assert echo.asked == [[2]]
