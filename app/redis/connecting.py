"""From an address to open connections: to one server, to the primary that Sentinels name, or to all of a cluster.

What is connected has a generation: it changes whenever another history may answer than before, since a server that was
restarted or promoted may have forgotten the newest writes.
"""

import asyncio
import hashlib
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import hiredis

from app.redis.pipeline import Pipeline, RedisUnavailable, open_pipeline
from app.redis_address import Node, Servers

SLOTS = 16384
REPLICA = "a replica answers, not a primary"


@dataclass(frozen=True, slots=True)
class Shard:
    """The slots of a cluster from `first` on, up to the next shard's, and the primary that has them."""

    first: int
    node: Node


@dataclass(frozen=True, slots=True)
class Primary:
    """One run of one server, the history that it writes, and the version of the protocol that it speaks.

    Both names are needed: a restart may resume a history, and a primary that was a replica meanwhile begins another.
    """

    run_id: bytes
    history_id: bytes
    version: str


class Connected:
    """Open connections, and which of them has a key."""

    def __init__(self, pipelines: dict[Node, Pipeline], shards: tuple[Shard, ...], primaries: list[Primary]) -> None:
        self._by_slot = [pipelines[shard.node] for shard in shards]
        self._first_slots = [shard.first for shard in shards]
        self._slot_of = _hash_slots() if len(shards) > 1 else None
        self._pipelines = pipelines
        self.shards = shards
        names = b" ".join(sorted(primary.run_id + primary.history_id for primary in primaries))
        self.generation = hashlib.blake2b(names, digest_size=6).hexdigest()
        self.oldest_version = min((primary.version for primary in primaries), key=_version_key)

    def of(self, key: str) -> Pipeline:
        """The connection to the server that has `key`."""
        if self._slot_of is None:
            return self._by_slot[0]
        return self._by_slot[bisect_right(self._first_slots, self._slot_of(key.encode())) - 1]

    def has(self, pipeline: Pipeline) -> bool:
        """True if it is one of these connections."""
        return pipeline in self._pipelines.values()

    @property
    def is_lost(self) -> bool:
        """True if one of the connections cannot be used any more."""
        return any(pipeline.is_lost for pipeline in self._pipelines.values())

    async def confirm(self) -> None:
        """Asks every server for a sign of life, and whether it is still a primary. Raises RedisUnavailable."""
        try:
            await asyncio.gather(*(_primary_facts(pipeline, "replication") for pipeline in self._pipelines.values()))
        except hiredis.ReplyError as error:
            raise RedisUnavailable(str(error)) from error

    def close(self) -> None:
        """Closes all of them."""
        for pipeline in self._pipelines.values():
            pipeline.close()


async def connect(
    servers: Servers, *, seconds: float, on_lost: Callable[[Pipeline], None] = lambda _pipeline: None
) -> Connected:
    """Connects to every server that holds keys. Each step takes `seconds` at most. Raises RedisUnavailable."""
    shards = await find_shards(servers, seconds=seconds)
    pipelines: dict[Node, Pipeline] = {}
    try:
        for node in dict.fromkeys(shard.node for shard in shards):
            pipelines[node] = await open_pipeline(node, servers, seconds=seconds, on_lost=on_lost)
        primaries = [await _primary(pipeline) for pipeline in pipelines.values()]
    except BaseException as error:
        for pipeline in pipelines.values():
            pipeline.close()
        if isinstance(error, hiredis.ReplyError):
            raise RedisUnavailable(str(error)) from error
        raise
    return Connected(pipelines, shards, primaries)


async def find_shards(servers: Servers, *, seconds: float) -> tuple[Shard, ...]:
    """Which servers hold the keys now. Asks nobody if the address says it. Raises RedisUnavailable."""
    if servers.kind == "single":
        return (Shard(0, servers.nodes[0]),)
    reason = "no node answers"
    for node in servers.nodes:
        try:
            asked = await open_pipeline(node, servers, seconds=seconds, is_data=False)
            try:
                return await (_named(asked, servers) if servers.kind == "sentinel" else _slots(asked, node))
            finally:
                asked.close()
        except (RedisUnavailable, hiredis.ReplyError) as error:
            reason = str(error)
    raise RedisUnavailable(reason)


async def _named(sentinel: Pipeline, servers: Servers) -> tuple[Shard, ...]:
    answer = await sentinel.ask("SENTINEL", "get-master-addr-by-name", servers.primary_name)
    if answer is None:
        raise RedisUnavailable(f"no primary is called {servers.primary_name}")
    return (Shard(0, Node(answer[0].decode(), int(answer[1]))),)


async def _slots(node: Pipeline, address: Node) -> tuple[Shard, ...]:
    health, ranges = await asyncio.gather(node.ask("CLUSTER", "INFO"), node.ask("CLUSTER", "SLOTS"))
    slots = sum(last - first + 1 for first, last, *_nodes in ranges)
    if b"cluster_state:ok" not in health or slots != SLOTS:
        raise RedisUnavailable("the cluster is not whole")
    # A node that knows no address of its own leaves it empty: then it is the one that was asked.
    shards = (
        Shard(first, Node((primary[0] or address.host.encode()).decode(), primary[1]))
        for first, _last, primary, *_replicas in ranges
    )
    return tuple(sorted(shards, key=lambda shard: shard.first))


async def _primary(pipeline: Pipeline) -> Primary:
    facts = await _primary_facts(pipeline, "server", "replication")
    try:
        return Primary(facts[b"run_id"], facts[b"master_replid"], facts[b"redis_version"].decode())
    except KeyError as error:
        raise RedisUnavailable(f"INFO does not say {error}") from error


async def _primary_facts(pipeline: Pipeline, *sections: str) -> dict[bytes, bytes]:
    """What INFO says. Raises RedisUnavailable for a replica: what it knows may be old.

    ROLE would say less in fewer bytes, but counts as administration: access lists that allow INFO refuse it.
    """
    texts = await asyncio.gather(*(pipeline.ask("INFO", section) for section in sections))
    facts = dict(line.split(b":", 1) for text in texts for line in text.splitlines() if b":" in line)
    if facts.get(b"role") != b"master":
        raise RedisUnavailable(REPLICA)
    return facts


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _hash_slots() -> Callable[[bytes], int]:
    from redis.crc import key_slot  # noqa: PLC0415 - loads all of redis-py, which only clusters need

    return key_slot
