"""What is never served: a value that was loaded before a write that has been acknowledged. Each with its control."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from app.cache.layer import Cache
from tests.cache.processes import KnowsNoGeneration, Process, ReadsVersionsLate, new_number, place_of, running
from tests.redis.links import until_connected
from tests.redis_proxy import RedisProxy, losing
from tests.valkey_servers import Valkey, until


class TestFillAgainstTouch:
    @staticmethod
    async def read_after_a_raced_fill(reader: Process, writer: Process) -> tuple[int | None, int | None]:
        """A load reads 1; before it returns, 2 is committed and acknowledged. What two processes read afterwards."""
        number = new_number()
        await writer.write(number, 1)

        async def write() -> None:
            await writer.write(number, 2)

        await reader.read(number, then=write)
        await reader.sent()
        return await reader.read(number), await writer.read(number)

    async def test_a_value_that_a_write_raced_is_never_served(self, process: Process, other: Process) -> None:
        assert await self.read_after_a_raced_fill(process, other) == (2, 2)
        assert await self.read_after_a_raced_fill(process, process) == (2, 2)

    async def test_with_versions_that_are_read_after_the_value_it_would_be(
        self, numbers_url: str, shared: Valkey, other: Process
    ) -> None:
        """That the test before can fail."""
        async with running(Process(numbers_url, shared.url, cache=ReadsVersionsLate)) as wrong:
            assert await self.read_after_a_raced_fill(wrong, other) == (1, 1)

    async def test_a_tag_without_a_version_is_no_different(self, process: Process, other: Process) -> None:
        number = new_number()

        async def write() -> None:
            await other.write(number, 2)

        assert await process.read(number, then=write) is None
        assert (await process.read(number), await other.read(number)) == (2, 2)

    async def test_a_body_that_comes_late_to_redis_is_known_by_its_versions(
        self, process: Process, proxy: RedisProxy, other: Process
    ) -> None:
        """The way of the first process delays what it stores, until others have written and read again."""
        number = new_number()
        await process.write(number, 1)
        proxy.rule = lambda command: 0.08 if command[0] == b"SET" and b":number:" in command[1] else 0.0
        await process.read(number)
        await other.write(number, 2)
        assert await other.read(number) == 2
        await until_connected(process.link)
        await process.sent()
        assert (await process.read(number), await other.read(number)) == (2, 2)

    async def test_a_body_that_never_comes_is_loaded_by_the_others(
        self, process: Process, proxy: RedisProxy, other: Process
    ) -> None:
        number = new_number()
        await process.write(number, 1)
        proxy.rule = losing(b"SET", b"{todo:%d}" % number)
        await process.read(number)
        await process.sent()
        assert proxy.lost["SET"] == 1
        assert (await other.read(number), other.loads) == (1, 1)


class TestConnectionLostMeanwhile:
    async def test_what_was_loaded_on_a_connection_that_is_gone_is_not_kept(
        self, process: Process, proxy: RedisProxy, other: Process
    ) -> None:
        number = new_number()
        await process.write(number, 1)

        async def lose() -> None:
            proxy.cut()
            await until(lambda: process.link.connected is None)

        assert await process.read(number, then=lose) == 1
        proxy.mend()
        await until_connected(process.link)
        assert process.cache.held(place_of(number)) is None
        assert (await other.read(number), other.loads) == (1, 1)

    async def test_nor_where_there_is_another_connection_by_then(
        self, process: Process, proxy: RedisProxy, other: Process
    ) -> None:
        number = new_number()
        await process.write(number, 1)

        async def lose_and_return() -> None:
            proxy.cut()
            await until(lambda: process.link.connected is None)
            proxy.mend()
            await until_connected(process.link)

        assert await process.read(number, then=lose_and_return) == 1
        assert process.cache.held(place_of(number)) is None
        await process.sent()
        assert (await other.read(number), other.loads) == (1, 1)

    async def test_what_is_kept_here_survives_a_cut_and_is_confirmed_again(
        self, process: Process, proxy: RedisProxy, other: Process
    ) -> None:
        kept, stale = new_number(), new_number()
        for number in (kept, stale):
            await process.write(number, 1)
            await process.read(number)
        # What is still noted would be told once more.
        await process.announcer.forget_done()
        proxy.cut()
        await until(lambda: process.link.connected is None)
        await other.write(stale, 2)
        proxy.mend()
        await until_connected(process.link)
        assert (await process.read(kept), process.loads) == (1, 2)
        assert (await process.read(stale), process.loads) == (2, 3)


Starting = Callable[[type[Cache]], AbstractAsyncContextManager[Process]]


class TestRestartedWithAnOldSnapshot:
    @pytest.fixture
    def starting(self, numbers_url: str, valkey: Valkey) -> Starting:
        @asynccontextmanager
        async def start(cache: type[Cache]) -> AsyncIterator[Process]:
            async with running(Process(numbers_url, valkey.url, cache=cache)) as process:
                yield process

        return start

    @staticmethod
    async def read_after_restart(process: Process, valkey: Valkey) -> int | None:
        """1 is cached and in the snapshot; 2 is written and acknowledged; then Redis forgets it. What is read."""
        number = new_number()
        await process.write(number, 1)
        await process.read(number)
        await process.sent()
        valkey.ask("SAVE")
        await process.write(number, 2)
        assert await process.read(number) == 2
        await process.announcer.forget_done()
        valkey.kill()
        await until(lambda: process.link.connected is None)
        valkey.start()
        await until_connected(process.link)
        return await process.read(number)

    async def test_nothing_older_is_served(self, starting: Starting, valkey: Valkey) -> None:
        async with starting(Cache) as process:
            assert await self.read_after_restart(process, valkey) == 2

    async def test_a_cache_that_believes_it_would_serve_it(self, starting: Starting, valkey: Valkey) -> None:
        """That the test before can fail."""
        async with starting(KnowsNoGeneration) as process:
            assert await self.read_after_restart(process, valkey) == 1

    async def test_an_empty_one_is_filled_anew(self, starting: Starting, valkey: Valkey, tmp_path: Path) -> None:
        async with starting(Cache) as process:
            number = new_number()
            await process.write(number, 1)
            await process.read(number)
            valkey.kill()
            await until(lambda: process.link.connected is None)
            valkey.start()
            await until_connected(process.link)
            assert [await process.read(number) for _ in range(3)] == [1] * 3
            assert process.loads == 2
