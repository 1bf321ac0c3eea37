"""Looking up and loading: what a hit costs, when a value is loaded again, and when it is not kept at all."""

import asyncio
import time
from collections import Counter

import pytest
import time_machine

from app.cache.layer import NEGATIVE_SECONDS
from app.cache.versions import PREFIX
from tests.cache.processes import NUMBER, Process, new_number, place_of, running, tag_of
from tests.redis_proxy import RedisProxy
from tests.valkey_servers import Valkey, until


@pytest.fixture
def number() -> int:
    return new_number()


async def passed(proxy: RedisProxy, process: Process, number: int) -> tuple[int | None, dict[str, int]]:
    """What is read, and the commands that it took."""
    before = Counter(proxy.commands)
    value = await process.read(number)
    return value, dict(proxy.commands - before)


class TestHit:
    async def test_it_is_one_round_trip_and_no_load(self, process: Process, proxy: RedisProxy, number: int) -> None:
        await process.write(number, 7)
        first, commands = await passed(proxy, process, number)
        assert (first, process.loads) == (7, 1)
        assert commands == {"GET": 1, "MGET": 1}
        await process.sent()
        with process.database.observed() as statements:
            assert await passed(proxy, process, number) == (7, {"MGET": 1})
        assert (statements, process.loads) == ([], 1)

    async def test_what_nobody_touched_before_takes_two(self, process: Process, proxy: RedisProxy, number: int) -> None:
        assert await passed(proxy, process, number) == (None, {"GET": 1, "MGET": 2, "SET": 1})

    async def test_what_another_process_has_loaded_is_one_round_trip_too(
        self, process: Process, other: Process, proxy: RedisProxy, number: int
    ) -> None:
        await other.write(number, 7)
        await other.read(number)
        await other.sent()
        assert await passed(proxy, process, number) == (7, {"GET": 1, "MGET": 1})
        assert await passed(proxy, process, number) == (7, {"MGET": 1})
        assert (process.loads, other.loads) == (0, 1)
        counts = process.cache.counts.of("number")
        assert (counts.redis_hits, counts.process_hits, counts.misses) == (1, 1, 0)

    async def test_readers_of_one_turn_share_load_and_question(
        self, process: Process, proxy: RedisProxy, number: int
    ) -> None:
        await process.write(number, 7)
        before = proxy.commands["MGET"]
        assert await asyncio.gather(*(process.read(number) for _ in range(50))) == [7] * 50
        assert (process.loads, proxy.commands["MGET"] - before) == (1, 1)
        assert process.cache.counts.of("number").shared_loads == 49


class TestTouched:
    async def test_it_is_loaded_again_here_and_there(self, process: Process, other: Process, number: int) -> None:
        for value in range(1, 4):
            await process.write(number, value)
            for reader in (process, other, process, other):
                assert await reader.read(number) == value
                await reader.sent()
        assert process.loads + other.loads == 3

    async def test_a_reader_after_its_own_write_joins_no_older_load(self, process: Process, number: int) -> None:
        await process.write(number, 1)
        has_read, may_go_on = asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            has_read.set()
            await may_go_on.wait()

        older = asyncio.create_task(process.read(number, then=wait))
        await has_read.wait()
        await process.write(number, 2)
        async with asyncio.timeout(5):
            assert await process.read(number) == 2
        may_go_on.set()
        assert await older == 1
        assert await process.read(number) == 2

    async def test_a_version_that_is_gone_makes_everybody_load_again(
        self, process: Process, shared: Valkey, number: int
    ) -> None:
        await process.write(number, 1)
        await process.read(number)
        shared.ask("DEL", PREFIX + tag_of(number))
        assert await process.read(number) == 1
        assert process.loads == 2

    async def test_a_value_under_other_tags_is_another_value(self, process: Process, number: int) -> None:
        async def load() -> int:
            return 1

        async def load_again() -> int:
            return 2

        one, two, three = tag_of(number), tag_of(new_number()), tag_of(new_number())
        await process.cache.tags.touch((one, two, three))  # So that all have the same version.
        assert await process.cache.get_or_load(place_of(number), (one, two), load) == 1
        assert await process.cache.get_or_load(place_of(number), (one, three), load_again) == 2


class TestNothing:
    async def test_it_is_kept_as_well_until_something_is_there(self, process: Process, number: int) -> None:
        assert [await process.read(number) for _ in range(3)] == [None] * 3
        assert process.loads == 1
        await process.write(number, 5)
        assert await process.read(number) == 5

    async def test_it_is_kept_for_half_a_minute(self, process: Process, number: int) -> None:
        await process.read(number)
        entry = process.cache.held(place_of(number))
        assert entry is not None
        assert NEGATIVE_SECONDS * 0.9 - 1 < entry.expires_at - time.time() < NEGATIVE_SECONDS * 1.1


class TestLifetime:
    async def test_a_value_ends_with_its_time_everywhere(self, process: Process, other: Process, number: int) -> None:
        await process.write(number, 1)
        await process.read(number)
        await process.sent()
        with time_machine.travel(time.time() + 300 * 0.9 - 5):
            assert (await process.read(number), await other.read(number)) == (1, 1)
        with time_machine.travel(time.time() + 300 * 1.1 + 1):
            # Redis keeps its own clock, so it still has the body, which says itself that it is over.
            assert (await other.read(number), await process.read(number)) == (1, 1)
        assert (process.loads, other.loads) == (1, 1)

    async def test_refreshing_is_asked_for_in_its_last_tenth(self, process: Process, number: int) -> None:
        await process.read(number)
        await process.write(number, 1)
        before = time.time()
        await process.read(number)
        entry = process.cache.held(place_of(number))
        assert entry is not None
        whole = entry.expires_at - before
        assert 300 * 0.9 <= whole <= 300 * 1.1 + 1
        assert entry.refresh_at - before == pytest.approx(whole * 0.9, abs=1)

    @pytest.mark.parametrize(("lifetime", "is_kept"), [(5.0, True), (1e9, True), (0.0, False), (-3.0, False)])
    async def test_a_value_may_shorten_it_and_never_lengthen_it(
        self, process: Process, number: int, lifetime: float, *, is_kept: bool
    ) -> None:
        async def load() -> int:
            return 1

        await process.cache.get_or_load(
            place_of(number), (tag_of(number),), load, lifetime_seconds=lambda value: lifetime * value
        )
        entry = process.cache.held(place_of(number))
        assert (entry is not None) is is_kept
        if entry is not None:
            assert entry.expires_at - time.time() <= min(lifetime, 300 * 1.1)

    async def test_redis_forgets_it_at_the_same_time(self, process: Process, shared: Valkey, number: int) -> None:
        await process.read(number)
        entry = process.cache.held(place_of(number))
        assert entry is not None
        key = process.cache._redis_key(place_of(number))
        await until(lambda: shared.ask("EXISTS", key) == 1)
        assert shared.ask("PEXPIRETIME", key) / 1000 == pytest.approx(entry.expires_at, abs=1)

    async def test_values_that_were_loaded_together_end_apart(self, process: Process) -> None:
        numbers = [new_number() for _ in range(20)]
        await asyncio.gather(*(process.read(number) for number in numbers))
        ends = [process.cache.bodies._entries[place_of(number).key].expires_at for number in numbers]
        assert max(ends) - min(ends) > 0.5

    async def test_without_a_lifetime_nothing_is_kept(self, numbers_url: str, shared: Valkey, number: int) -> None:
        async with running(Process(numbers_url, shared.url, ttl_seconds=0)) as process:
            assert [await process.read(number) for _ in range(3)] == [None] * 3
            assert (process.loads, len(process.cache.bodies)) == (3, 0)


class TestWithoutRedis:
    async def test_every_read_loads(self, process: Process, proxy: RedisProxy, number: int) -> None:
        await process.write(number, 1)
        await process.read(number)
        proxy.cut()
        await until(lambda: process.link.connected is None)
        assert [await process.read(number) for _ in range(3)] == [1] * 3
        assert process.loads == 4

    async def test_a_silent_one_fails_nobody(self, process: Process, proxy: RedisProxy, number: int) -> None:
        await process.write(number, 1)
        await process.read(number)
        proxy.blackhole()
        assert await asyncio.gather(*(process.read(number) for _ in range(10))) == [1] * 10
        assert process.link.connected is None

    async def test_what_fails_to_load_is_told_and_not_kept(self, process: Process, number: int) -> None:
        async def fail() -> int:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await process.cache.get_or_load(place_of(number), (tag_of(number),), fail)
        assert process.cache.held(place_of(number)) is None


class TestBodyInRedis:
    async def test_garbage_is_loaded_over(self, process: Process, other: Process, shared: Valkey, number: int) -> None:
        await process.write(number, 1)
        key = process.cache._redis_key(place_of(number))
        shared.ask("SET", key, b"\x96garbage")
        assert (await process.read(number), process.loads) == (1, 1)
        await process.sent()
        assert (await other.read(number), other.loads) == (1, 0)

    async def test_a_key_of_another_kind_is_as_good_as_none(
        self, process: Process, shared: Valkey, number: int
    ) -> None:
        shared.ask("LPUSH", process.cache._redis_key(place_of(number)), "x")
        assert await process.read(number) is None
        assert process.link.connected is not None

    async def test_keys_differ_by_kind_owner_and_key(self) -> None:
        place = place_of(1)
        assert place.redis_key.startswith("{todo:1}:number:")
        assert len({place.redis_key, place_of(2).redis_key}) == 2


async def test_a_cache_counts_by_kind(process: Process, number: int) -> None:
    await process.write(number, 1)
    for _ in range(3):
        await process.read(number)
    await process.write(number, 2)
    await process.read(number)
    await process.sent()
    counts = process.cache.counts.of(NUMBER.name)
    assert (counts.misses, counts.process_hits, counts.redis_hits, counts.fills) == (2, 2, 0, 2)
    # The old value was met here and then in Redis.
    assert counts.stale == 2
    assert process.cache.counts.touches == {"number": 2}
