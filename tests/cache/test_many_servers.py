"""The cache over Sentinels and over a cluster, real ones: what it does when their servers die."""

import asyncio
from collections.abc import Iterator

import pytest

from app.cache.versions import PREFIX
from tests.cache.processes import Process, new_number, place_of, running, tag_of
from tests.redis.links import until_connected
from tests.valkey_servers import Cluster, SentinelSet, until


@pytest.fixture(scope="module")
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelSet]:
    with SentinelSet(tmp_path_factory.mktemp("sentinels"), password="secret") as started:
        yield started


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


class TestSentinel:
    async def test_a_failover_is_followed_and_nothing_stale_is_served(
        self, sentinels: SentinelSet, numbers_url: str
    ) -> None:
        """The replica has the old bodies and versions; of the last write it never hears."""
        first, second = Process(numbers_url, sentinels.url), Process(numbers_url, sentinels.url)
        async with running(first), running(second):
            number = new_number()
            await first.write(number, 1)
            assert (await first.read(number), await second.read(number)) == (1, 1)
            before = first.link.connected
            assert before is not None
            await first.sent()
            primary, replica = sentinels.primary, sentinels.replica
            await until(lambda: replica.ask("GET", PREFIX + tag_of(number)) is not None)
            await until(lambda: replica.ask("EXISTS", first.cache._redis_key(place_of(number))) == 1)
            version = replica.ask("GET", PREFIX + tag_of(number))
            replica.process.freeze()
            primary.ask("CLIENT", "KILL", "TYPE", "replica")
            await first.write(number, 2)
            assert await second.read(number) == 2
            await first.announcer.forget_done()
            primary.kill()
            replica.process.thaw()
            await until(lambda: first.link.connected is None and second.link.connected is None)
            assert (await first.read(number), await second.read(number)) == (2, 2)
            after, _ = await asyncio.gather(
                until_connected(first.link, seconds=20), until_connected(second.link, seconds=20)
            )
            assert replica.ask("ROLE")[0] in {b"master", "master"}
            assert after.generation != before.generation
            assert [shard.node.port for shard in after.shards] == [replica.port]
            assert replica.ask("GET", PREFIX + tag_of(number)) == version, "this is what there is to distrust"
            assert (await first.read(number), await second.read(number)) == (2, 2)
            await second.write(number, 3)
            assert (await first.read(number), await second.read(number)) == (3, 3)


class TestCluster:
    async def test_values_are_spread_and_versions_lie_together(self, cluster: Cluster, numbers_url: str) -> None:
        first, second = Process(numbers_url, cluster.url), Process(numbers_url, cluster.url)
        async with running(first), running(second):
            numbers = [new_number() for _ in range(30)]
            for number in numbers:
                await first.write(number, 1)
            assert await asyncio.gather(*(first.read(number) for number in numbers)) == [1] * 30
            await first.sent()
            assert await asyncio.gather(*(second.read(number) for number in numbers)) == [1] * 30
            assert (first.loads, second.loads) == (30, 0)
            owners = {cluster.owner(place_of(number).redis_key).port for number in numbers}
            assert owners == {node.port for node in cluster.nodes}
            assert {node.calls("MGET") > 0 for node in cluster.nodes if node is not cluster.owner(PREFIX)} == {False}
            for number in numbers[::3]:
                await second.write(number, 2)
            expected = [2, 1, 1] * 10
            assert await asyncio.gather(*(first.read(number) for number in numbers)) == expected

    async def test_without_the_owner_of_some_slots_it_is_not_used_until_that_is_back(
        self, cluster: Cluster, numbers_url: str
    ) -> None:
        """Not the owner of the versions: those alone would still answer."""
        async with running(Process(numbers_url, cluster.url)) as process:
            number = new_number()
            await process.write(number, 1)
            assert await process.read(number) == 1
            victim = next(node for node in cluster.nodes if node is not cluster.owner(PREFIX))
            victim.kill()
            await until(lambda: process.link.connected is None)
            await process.write(number, 2)
            assert await process.read(number) == 2
            victim.start()
            await until_connected(process.link, seconds=20)
            assert await process.read(number) == 2
            loads = process.loads
            assert (await process.read(number), process.loads) == (2, loads)
