"""Versions of tags: one question for all, agreement about the absent, and no touch that changes nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.cache.versions import KEPT_SECONDS, PREFIX, TagVersions, new_version
from app.redis.link import Link
from app.redis.pipeline import RedisUnavailable
from app.redis_address import servers_at
from tests.cache.processes import new_number, tag_of
from tests.redis.links import linked, until_connected
from tests.redis_proxy import RedisProxy
from tests.server_processes import free_port
from tests.valkey_servers import HOST, Valkey


@pytest.fixture
async def link(proxy: RedisProxy) -> AsyncIterator[Link]:
    async with linked(proxy.url) as opened:
        await until_connected(opened)
        yield opened


@pytest.fixture
def tags(link: Link) -> TagVersions:
    return TagVersions(link)


def fresh(number: int = 1) -> tuple[str, ...]:
    """Tags that nobody has touched."""
    return tuple(tag_of(new_number()) for _ in range(number))


class TestRead:
    async def test_all_who_ask_in_one_turn_share_one_question(self, tags: TagVersions, shared: Valkey) -> None:
        some = fresh(30)
        await tags.touch(some)
        expected = dict(zip(some, await tags.read(some), strict=True))
        before = shared.calls("MGET")

        async def request(start: int) -> None:
            wanted = some[start : start + 5]
            assert await tags.read(wanted) == tuple(expected[tag] for tag in wanted)

        await asyncio.gather(*(request(start) for start in range(25)), *(request(start) for start in range(25)))
        assert shared.calls("MGET") == before + 1
        await request(0)
        assert shared.calls("MGET") == before + 2

    async def test_answers_are_in_the_order_of_the_tags(self, tags: TagVersions) -> None:
        first, second, absent = fresh(3)
        await tags.touch((first,))
        await tags.touch((second,))
        one, two = await tags.read((first, second))
        assert one != two
        assert await tags.read((second, absent, first, second)) == (two, None, one, two)
        assert await tags.read(()) == ()

    async def test_who_was_cancelled_keeps_nobody_from_an_answer(self, tags: TagVersions) -> None:
        (tag,) = fresh()
        await tags.touch((tag,))
        cancelled, waiting = tags.read((tag,)), tags.read((tag,))
        cancelled.cancel()
        assert await waiting != (None,)

    async def test_a_loss_refuses_all_who_wait_and_the_next_connection_is_used(
        self, tags: TagVersions, link: Link, proxy: RedisProxy
    ) -> None:
        (tag,) = fresh()
        await tags.touch((tag,))
        version = await tags.read((tag,))
        proxy.blackhole()
        refused = await asyncio.gather(*(tags.read((tag,)) for _ in range(5)), return_exceptions=True)
        assert all(isinstance(each, RedisUnavailable) for each in refused)
        proxy.mend()
        await until_connected(link)
        assert await tags.read((tag,)) == version

    async def test_an_error_is_distrusted(self, valkey: Valkey) -> None:
        async with linked(valkey.url) as link:
            await until_connected(link)
            valkey.ask("ACL", "SETUSER", "default", "-mget")
            with pytest.raises(RedisUnavailable, match="NOPERM"):
                await TagVersions(link).read(fresh())
            assert (link.connected, link.times_opened) == (None, 1)

    async def test_without_a_connection_nobody_is_asked(self) -> None:
        alone = TagVersions(Link(servers_at("redis://")))
        with pytest.raises(RedisUnavailable):
            alone.read(fresh())
        with pytest.raises(RedisUnavailable):
            await alone.settle(fresh(), (None,))
        with pytest.raises(RedisUnavailable):
            await alone.touch(fresh())


class TestSettle:
    async def test_two_readers_agree_on_what_was_absent(self, tags: TagVersions, shared: Valkey) -> None:
        async with linked(shared.url) as another:
            await until_connected(another)
            others = TagVersions(another)
            for _ in range(20):
                some = fresh(3)
                here, there = await asyncio.gather(tags.settle(some, (None,) * 3), others.settle(some, (None,) * 3))
                assert here == there == await tags.read(some)

    async def test_what_is_known_stays_and_costs_no_round_trip(self, tags: TagVersions, proxy: RedisProxy) -> None:
        some = fresh(2)
        await tags.touch(some)
        found = await tags.read(some)
        before = proxy.commands.copy()
        assert await tags.settle(some, found) == found
        assert proxy.commands == before

    async def test_only_the_absent_ones_begin(self, tags: TagVersions) -> None:
        known, absent = fresh(2)
        await tags.touch((known,))
        found = await tags.read((known, absent))
        settled = await tags.settle((known, absent), found)
        assert settled[0] == found[0]
        assert settled[1] is not None

    async def test_one_that_was_touched_meanwhile_is_as_it_is_now(self, tags: TagVersions) -> None:
        (tag,) = fresh()
        await tags.touch((tag,))
        assert await tags.settle((tag,), (None,)) == await tags.read((tag,))

    async def test_what_cannot_be_set_is_not_settled(self, valkey: Valkey) -> None:
        async with linked(valkey.url) as link:
            await until_connected(link)
            valkey.ask("CONFIG", "SET", "maxmemory", "1")
            with pytest.raises(RedisUnavailable):
                await TagVersions(link).settle(fresh(), (None,))


class TestTouch:
    async def test_each_changes_every_tag(self, tags: TagVersions) -> None:
        some = fresh(3)
        seen = {await tags.read(some)}
        for _ in range(100):
            await tags.touch(some)
            seen.add(await tags.read(some))
        assert len(seen) == 101

    async def test_a_version_that_was_lost_never_comes_again(self, tags: TagVersions, shared: Valkey) -> None:
        (tag,) = fresh()
        seen = set()
        for _ in range(10):
            seen.add(await tags.settle((tag,), (None,)))
            shared.ask("DEL", PREFIX + tag)
        assert len(seen) == 10

    async def test_it_is_one_write_whatever_the_number(self, tags: TagVersions, proxy: RedisProxy) -> None:
        before = proxy.commands["SET"]
        await tags.touch(iter(fresh(40)))
        assert proxy.commands["SET"] == before + 40

    async def test_a_version_outlives_every_value(self, tags: TagVersions, shared: Valkey) -> None:
        touched, settled = fresh(2)
        await tags.touch((touched,))
        await tags.settle((settled,), (None,))
        for tag in (touched, settled):
            assert KEPT_SECONDS - 10 < shared.ask("TTL", PREFIX + tag) <= KEPT_SECONDS

    async def test_a_server_that_only_reads_is_distrusted(self, valkey: Valkey) -> None:
        async with linked(valkey.url) as link:
            await until_connected(link)
            valkey.ask("REPLICAOF", HOST, free_port())
            with pytest.raises(RedisUnavailable, match="READONLY"):
                await TagVersions(link).touch(fresh(2))
            assert (link.connected, link.times_opened) == (None, 1)

    def test_new_versions_are_all_different(self) -> None:
        assert len({new_version() for _ in range(10_000)}) == 10_000
