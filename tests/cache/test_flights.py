"""Single flight: one load for all who want it at the same time, whatever becomes of who loads."""

import asyncio
import gc
from typing import Any

import pytest

from app.cache.flights import Flights


class Load:
    """A load that is counted and waits to be told how to end."""

    def __init__(self) -> None:
        self.started = 0
        self.may_end = asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self) -> int:
        self.started += 1
        number = self.started
        await self.may_end.wait()
        if self.failure is not None:
            raise self.failure
        return number


async def joined(flights: Flights[int], load: Load, number: int, *, key: str = "key") -> list["asyncio.Task[Any]"]:
    """Tasks that have all asked."""
    tasks = [asyncio.create_task(flights.run(key, load)) for _ in range(number)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


class TestRun:
    async def test_one_loads_and_the_others_get_what_it_got(self) -> None:
        flights, load = Flights[int](), Load()
        tasks = await joined(flights, load, 10)
        load.may_end.set()
        assert await asyncio.gather(*tasks) == [(1, False)] + [(1, True)] * 9
        assert await flights.run("key", load) == (2, False)

    async def test_other_keys_fly_alone(self) -> None:
        flights, load = Flights[int](), Load()
        tasks = await joined(flights, load, 1, key="a") + await joined(flights, load, 1, key="b")
        load.may_end.set()
        assert await asyncio.gather(*tasks) == [(1, False), (2, False)]

    async def test_an_error_is_everybodys_and_the_next_one_loads_again(self) -> None:
        flights, load = Flights[int](), Load()
        tasks = await joined(flights, load, 3)
        load.failure = ValueError("no")
        load.may_end.set()
        assert await asyncio.gather(*tasks, return_exceptions=True) == [load.failure] * 3
        load.failure = None
        assert await flights.run("key", load) == (2, False)

    async def test_an_error_that_nobody_shares_is_reported_only_to_who_asked(self) -> None:
        reports: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reports.append(context))
        flights, load = Flights[int](), Load()
        load.failure = ValueError("no")
        load.may_end.set()
        try:
            with pytest.raises(ValueError, match="no"):
                await flights.run("key", load)
            gc.collect()
        finally:
            asyncio.get_running_loop().set_exception_handler(None)
        assert reports == []


class TestCancelled:
    async def test_a_leader_that_is_cancelled_fails_nobody(self) -> None:
        flights, load = Flights[int](), Load()
        leader, *others = await joined(flights, load, 4)
        leader.cancel()
        await asyncio.wait((leader,))
        load.may_end.set()
        results = await asyncio.gather(*others)
        assert leader.cancelled()
        assert sorted(results) == [(2, False), (2, True), (2, True)]

    async def test_a_follower_that_is_cancelled_takes_nobody_along(self) -> None:
        flights, load = Flights[int](), Load()
        tasks = await joined(flights, load, 3)
        follower = tasks.pop(1)
        follower.cancel()
        await asyncio.wait((follower,))
        load.may_end.set()
        assert await asyncio.gather(*tasks) == [(1, False), (1, True)]

    async def test_nothing_is_left_of_any_flight(self) -> None:
        flights, load = Flights[int](), Load()
        tasks = await joined(flights, load, 20)
        for task in tasks[::2]:
            task.cancel()
            await asyncio.sleep(0)
        load.may_end.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        load.failure = ValueError("no")
        await asyncio.gather(flights.run("a", load), return_exceptions=True)
        assert flights._flights == {}
