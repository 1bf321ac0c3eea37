"""That everybody hears of every committed write: at once, or within a few seconds, or before Redis is used again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from app.cache import announcing
from app.cache.announcing import LEFT_ALONE, POINTLESS, discard_outdated
from app.database.executor import Database
from app.redis.pipeline import RedisUnavailable
from app.settings import load_settings
from tests.cache.processes import Process, new_number, running, stopped, tag_of, versions
from tests.redis.links import until_connected
from tests.redis_proxy import RedisProxy
from tests.valkey_servers import Valkey, until

NOBODY = "postgresql://nobody@127.0.0.1:1/none_test"


@pytest.fixture
def number() -> int:
    return new_number()


@pytest.fixture
async def cached(process: Process, other: Process, number: int) -> int:
    """A number whose value is 1, and which two processes have cached."""
    await process.write(number, 1)
    for each in (process, other):
        assert await each.read(number) == 1
    await process.announcer.forget_done()
    return number


async def cut(process: Process, proxy: RedisProxy) -> None:
    proxy.cut()
    await until(lambda: process.link.connected is None)


def end_of_hurry(process: Process) -> None:
    """As some seconds after it has connected."""
    process.announcer._hurries_until = 0.0


@asynccontextmanager
async def without_database(process: Process) -> AsyncIterator[None]:
    """The announcer's database is down while the block runs."""
    database, nobody = process.announcer._database, Database(load_settings(DATABASE_URL=NOBODY).database)
    process.announcer._database = nobody
    try:
        yield
    finally:
        process.announcer._database = database
        await nobody.close()


class TestAnnounce:
    async def test_an_acknowledged_write_is_known_everywhere(
        self, process: Process, other: Process, cached: int
    ) -> None:
        before = await versions(process, tag_of(cached))
        await process.write(cached, 2)
        assert await versions(process, tag_of(cached)) != before
        assert (await other.read(cached), await process.read(cached)) == (2, 2)

    async def test_its_note_is_forgotten_once_it_was_told(self, process: Process, number: int) -> None:
        await process.write(number, 1)
        assert [note.tags for note in await process.notes(number)] == [(tag_of(number),)]
        await process.announcer.forget_done()
        assert await process.notes(number) == []
        with process.database.observed() as statements:
            await process.announcer.forget_done()
        assert statements == []

    async def test_without_redis_it_fails_nobody_and_the_note_stays(
        self, process: Process, proxy: RedisProxy, number: int
    ) -> None:
        await cut(process, proxy)
        await process.write(number, 1)
        await process.announcer.forget_done()
        assert len(await process.notes(number)) == 1
        assert process.cache.counts.lost_touches == 1

    async def test_what_cannot_be_forgotten_now_is_forgotten_later(self, process: Process, number: int) -> None:
        await process.write(number, 1)
        async with without_database(process):
            with pytest.raises(Exception, match="DATABASE_UNAVAILABLE"):
                await process.announcer.forget_done()
        await process.announcer.forget_done()
        assert await process.notes(number) == []


class TestSweep:
    async def test_a_crash_between_commit_and_announcement_is_repaired_by_any_process(
        self, process: Process, other: Process, cached: int
    ) -> None:
        await process.write_and_crash(cached, 2)
        # That there is something to repair.
        assert (await process.read(cached), await other.read(cached)) == (1, 1)
        await process.let_notes_age(LEFT_ALONE)
        assert await other.announcer.sweep() == 1
        assert (await process.read(cached), await other.read(cached)) == (2, 2)
        assert await process.notes(cached) == []

    async def test_a_note_is_left_alone_while_its_writer_may_be_about_to_tell(
        self, process: Process, other: Process, cached: int
    ) -> None:
        end_of_hurry(other)
        await process.write_and_crash(cached, 2)
        assert await other.announcer.sweep() == 0
        assert len(await process.notes(cached)) == 1
        await process.let_notes_age(LEFT_ALONE)
        assert await other.announcer.sweep() == 1

    async def test_it_is_not_left_alone_while_others_may_still_be_without_redis(
        self, process: Process, other: Process, proxy: RedisProxy, cached: int
    ) -> None:
        """After an outage one process has Redis again, and another one has not."""
        end_of_hurry(other)
        await cut(process, proxy)
        await process.write(cached, 2)
        assert (await other.announcer.sweep(), await other.read(cached)) == (0, 1)
        other.link.distrust()
        await until_connected(other.link)
        await process.write(cached, 3)
        assert (await other.announcer.sweep(), await other.read(cached)) == (1, 3)

    async def test_two_sweeps_at_once_do_it_once(self, process: Process, other: Process) -> None:
        numbers = [new_number() for _ in range(10)]
        for each in numbers:
            await process.write_and_crash(each, 1)
        await process.let_notes_age(LEFT_ALONE)
        assert sum(await asyncio.gather(process.announcer.sweep(), other.announcer.sweep())) == 10

    async def test_many_are_swept_in_turns(self, process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(announcing, "SWEPT_AT_ONCE", 4)
        for _ in range(10):
            await process.write_and_crash(new_number(), 1)
        await process.let_notes_age(LEFT_ALONE)
        assert [await process.announcer.sweep() for _ in range(4)] == [4, 4, 2, 0]

    async def test_one_that_cannot_tell_leaves_the_notes(
        self, process: Process, other: Process, proxy: RedisProxy, cached: int
    ) -> None:
        await process.write_and_crash(cached, 2)
        await process.let_notes_age(LEFT_ALONE)
        proxy.blackhole()
        with pytest.raises(RedisUnavailable):
            await process.announcer.sweep()
        assert len(await process.notes(cached)) == 1
        assert await process.announcer.sweep() == 0, "it has no Redis now"
        assert await other.announcer.sweep() == 1
        assert await other.read(cached) == 2


class TestCatchUp:
    async def test_what_was_written_without_redis_is_told_before_it_is_used_again(
        self, process: Process, other: Process, proxy: RedisProxy, cached: int
    ) -> None:
        await cut(process, proxy)
        await process.write(cached, 2)
        assert await process.read(cached) == 2
        assert await other.read(cached) == 1, "it was not told yet: this is what there is to catch up"
        proxy.mend()
        await until_connected(process.link)
        assert (await process.read(cached), await other.read(cached)) == (2, 2)
        assert await process.notes(cached) == []

    async def test_without_it_the_old_value_would_be_served(
        self, process: Process, proxy: RedisProxy, cached: int
    ) -> None:
        """That the test before can fail."""
        process.link.on_ready.remove(process.announcer._catch_up)
        await cut(process, proxy)
        await process.write(cached, 2)
        proxy.mend()
        await until_connected(process.link)
        assert await process.read(cached) == 1

    async def test_what_is_written_while_it_catches_up_is_told_as_well(
        self, process: Process, other: Process, proxy: RedisProxy, cached: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its note is too young for the look into the database, and its own announcement finds no connection."""
        touch_noted = process.announcer._touch_noted

        async def touch_noted_and_write(connected, age: timedelta) -> int:
            found = await touch_noted(connected, age)
            if found == 0:
                assert process.link.connected is None
                await process.write(cached, 2)
            return found

        monkeypatch.setattr(process.announcer, "_touch_noted", touch_noted_and_write)
        await cut(process, proxy)
        proxy.mend()
        await until_connected(process.link)
        assert (await process.read(cached), await other.read(cached)) == (2, 2)

    async def test_a_process_that_starts_catches_up_for_one_that_is_gone(
        self, numbers_url: str, shared: Valkey, other: Process, cached: int
    ) -> None:
        async with running(Process(numbers_url, shared.url)) as gone:
            await gone.write_and_crash(cached, 2)
        assert await other.read(cached) == 1
        async with running(Process(numbers_url, shared.url)) as started:
            assert (await started.read(cached), await other.read(cached)) == (2, 2)

    async def test_without_the_database_redis_is_not_used(
        self, process: Process, proxy: RedisProxy, cached: int
    ) -> None:
        await cut(process, proxy)
        async with without_database(process):
            tries = proxy.accepted
            proxy.mend()
            await until(lambda: proxy.accepted >= tries + 2)
            assert process.link.connected is None
            assert await process.read(cached) == 1
        await until_connected(process.link)


class TestOutdated:
    async def test_notes_that_no_value_outlives_are_discarded(self, process: Process) -> None:
        await discard_outdated(process.database)
        outdated, young = new_number(), new_number()
        await process.write_and_crash(outdated, 1)
        await process.let_notes_age(POINTLESS)
        await process.write_and_crash(young, 1)
        assert await discard_outdated(process.database) >= 1
        assert (await process.notes(outdated), len(await process.notes(young))) == ([], 1)


class TestKeep:
    @pytest.fixture
    async def keeping(self, process: Process, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator["asyncio.Task[None]"]:
        """The announcer at work, with turns that are short enough for a test."""
        monkeypatch.setattr(announcing, "TURN_SECONDS", 0.01)
        task = asyncio.create_task(process.announcer.keep())
        yield task
        await stopped(task)

    async def until_none(self, process: Process, number: int) -> None:
        async with asyncio.timeout(5):
            while await process.notes(number):
                await asyncio.sleep(0.005)

    async def test_it_forgets_and_sweeps_by_itself(
        self, process: Process, other: Process, keeping: "asyncio.Task[None]", cached: int
    ) -> None:
        await process.write(cached, 2)
        await self.until_none(process, cached)
        await other.write_and_crash(cached, 3)
        await process.let_notes_age(LEFT_ALONE)
        await self.until_none(process, cached)
        assert (await process.read(cached), await other.read(cached)) == (3, 3)

    async def test_it_outlives_the_database_and_redis(
        self, process: Process, keeping: "asyncio.Task[None]", proxy: RedisProxy, number: int
    ) -> None:
        async with without_database(process):
            await process.write(number, 1)
            await asyncio.sleep(0.05)
        await cut(process, proxy)
        await process.write(number, 2)
        await asyncio.sleep(0.05)
        proxy.mend()
        await self.until_none(process, number)
        assert not keeping.done()

    async def test_it_forgets_at_its_end_what_it_has_told(
        self, process: Process, number: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = asyncio.create_task(process.announcer.keep())
        await process.write(number, 1)
        assert len(await process.notes(number)) == 1
        await stopped(task)
        assert await process.notes(number) == []
