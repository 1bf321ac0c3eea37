"""From an address to connections: who is asked where the keys are, and who is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.redis.connecting import Connected, Primary, Shard, connect, find_shards
from app.redis.pipeline import RedisUnavailable
from app.redis_address import Node, servers_at
from tests.server_processes import free_port
from tests.valkey_servers import HOST, PRIMARY_NAME, SENTINEL_RULES, Valkey, wait_until

SECONDS = 1.0


async def shards_at(url: str) -> tuple[Shard, ...]:
    return await find_shards(servers_at(url), seconds=SECONDS)


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with Valkey(tmp_path_factory.mktemp("primary"), requirepass="pw") as server:
        yield server


@pytest.fixture(scope="module")
def sentinel(primary: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """One that asks nobody for a password, as most do."""
    rules = SENTINEL_RULES.format(port=primary.port)
    with Valkey(tmp_path_factory.mktemp("sentinel"), rules=rules, bind=HOST) as server:
        yield server


class TestSingle:
    async def test_the_address_says_it_all(self) -> None:
        assert await shards_at("redis://nowhere:1") == (Shard(0, Node("nowhere", 1)),)

    async def test_a_restart_is_another_generation(self, valkey: Valkey) -> None:
        servers = servers_at(valkey.url)
        generations = []
        for _ in range(2):
            for _ in range(2):
                connected = await connect(servers, seconds=SECONDS)
                generations.append(connected.generation)
                connected.close()
            valkey.kill()
            valkey.start()
        first, again, restarted, still = generations
        assert first == again != restarted == still

    async def test_the_version_is_that_of_the_protocol(self, shared: Valkey) -> None:
        connected = await connect(servers_at(shared.url), seconds=SECONDS)
        assert connected.oldest_version == shared.facts("server")["redis_version"]
        connected.close()

    def test_the_oldest_version_is_by_number(self) -> None:
        primaries = [Primary(b"r", b"h", version) for version in ("10.0.1", "7.2.4", "8.0.0")]
        assert Connected({}, (), primaries).oldest_version == "7.2.4"

    async def test_a_user_who_may_not_look_around_is_refused_and_not_believed(self, valkey: Valkey) -> None:
        valkey.ask("ACL", "SETUSER", "blind", "on", ">pw", "allkeys", "+get", "+set")
        with pytest.raises(RedisUnavailable):
            await connect(servers_at(valkey.url.replace("://", "://blind:pw@")), seconds=SECONDS)


class TestSentinel:
    async def test_the_first_that_answers_names_the_primary(self, primary: Valkey, sentinel: Valkey) -> None:
        url = f"redis+sentinel://{HOST}:{free_port()},{HOST}:{sentinel.port}/{PRIMARY_NAME}"
        assert await shards_at(url) == (Shard(0, Node(HOST, primary.port)),)

    async def test_the_password_is_the_primarys_also_where_the_sentinel_has_none(
        self, primary: Valkey, sentinel: Valkey
    ) -> None:
        url = f"redis+sentinel://:pw@{HOST}:{sentinel.port}/{PRIMARY_NAME}/3"
        connected = await connect(servers_at(url), seconds=SECONDS)
        assert await connected.of("any").ask("SET", "by name", "1") == b"OK"
        assert b"db=3" in await connected.of("any").ask("CLIENT", "INFO")
        connected.close()

    async def test_a_name_that_it_does_not_know(self, sentinel: Valkey) -> None:
        with pytest.raises(RedisUnavailable, match="no primary is called other"):
            await shards_at(f"redis+sentinel://{HOST}:{sentinel.port}/other")

    async def test_what_is_no_sentinel(self, shared: Valkey) -> None:
        with pytest.raises(RedisUnavailable):
            await shards_at(f"redis+sentinel://{HOST}:{shared.port}/{PRIMARY_NAME}")

    async def test_none_that_answers(self) -> None:
        with pytest.raises(RedisUnavailable):
            await shards_at(f"redis+sentinel://{HOST}:{free_port()},{HOST}:{free_port()}/{PRIMARY_NAME}")


class TestCluster:
    @pytest.fixture
    def node(self, tmp_path: Path) -> Iterator[Valkey]:
        """A cluster of one, that has no slots yet."""
        with Valkey(tmp_path, cluster_enabled="yes", cluster_port=str(free_port())) as server:
            yield server

    async def test_one_that_is_not_whole_is_not_used(self, node: Valkey) -> None:
        url = f"redis+cluster://{HOST}:{node.port}"
        with pytest.raises(RedisUnavailable):
            await shards_at(url)
        node.ask("CLUSTER", "ADDSLOTSRANGE", 0, 9999)
        with pytest.raises(RedisUnavailable):
            await shards_at(url)
        node.ask("CLUSTER", "ADDSLOTSRANGE", 10_000, 16_383)
        wait_until(lambda: b"cluster_state:ok" in node.ask("CLUSTER", "INFO"))
        # A node that was never met knows no address of its own.
        assert await shards_at(url) == (Shard(0, Node(HOST, node.port)),)

    async def test_slots_that_nobody_has_count_also_where_the_cluster_does_not_mind(self, node: Valkey) -> None:
        node.ask("CONFIG", "SET", "cluster-require-full-coverage", "no")
        node.ask("CLUSTER", "ADDSLOTSRANGE", 0, 9999)
        wait_until(lambda: b"cluster_state:ok" in node.ask("CLUSTER", "INFO"))
        with pytest.raises(RedisUnavailable, match="not whole"):
            await shards_at(f"redis+cluster://{HOST}:{node.port}")

    async def test_what_is_no_cluster(self, shared: Valkey) -> None:
        with pytest.raises(RedisUnavailable):
            await shards_at(f"redis+cluster://{HOST}:{shared.port}")
