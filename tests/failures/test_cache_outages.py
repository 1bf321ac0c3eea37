"""Redis is killed, frozen or restarted empty under load: no request fails, nothing stale is shown, it heals by itself.

`python -m tests.failures.coherence` runs the long version, frozen for 30 seconds.

The bounds on time are generous, since the load shares its machine with the service and other tests: the 99th percentile
after the first second within 0.5 s of what it was before. The long version has the service's own limits, and figures.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from app.api.health import KEEP_SECONDS
from app.cache.announcing import NOTICED_SECONDS
from app.local_stack import LocalStack
from app.server_process import ServerProcess
from tests.failures.keep_alive import Client
from tests.failures.two_workers import Person, Workers, until_hit, working
from tests.failures.written_and_read import Findings, Stale, Writer, write_and_read, writers

CLIENTS = 8
NORMAL_SECONDS = 1.0
FROZEN_SECONDS = 3.0
HEALED_WITHIN_SECONDS = 10.0
SLOWER_SECONDS = 0.5
# So long may a write be under way that began while nobody had Redis.
WRITE_SECONDS = 0.5
LIST = "/api/v2/todos"


@dataclass(frozen=True)
class Outage:
    """What was seen before, during and after it; all moments in Unix seconds."""

    findings: Findings
    writers: list[Writer]
    let_in: list[str]
    """Answers to sessions that had been ended, other than 401."""
    began_at: float
    ended_at: float
    healed_at: float
    """When every worker used Redis again."""

    @property
    def stale(self) -> list[Stale]:
        """What was stale, but for what was written while perhaps only one worker had Redis again.

        What the other one writes then is noted, and seen within NOTICED_SECONDS.
        """
        excused_from = self.ended_at - WRITE_SECONDS
        return [each for each in self.findings.stale if not excused_from < each.written_at < self.healed_at]

    @property
    def normal_p99_seconds(self) -> float:
        """Of the answers before it."""
        return self._p99(lambda sent_at: sent_at < self.began_at)

    @property
    def p99_seconds(self) -> float:
        """Of the answers from a second after it began."""
        return self._p99(lambda sent_at: sent_at > self.began_at + 1)

    def _p99(self, is_meant: Callable[[float], bool]) -> float:
        times = sorted(seconds for sent_at, seconds in self.findings.answers if is_meant(sent_at))
        return times[int(len(times) * 0.99)]


class Watcher:
    """Asks every 20 ms by sessions that have ended, one of them only during the outage."""

    def __init__(self, clients: list[Client]) -> None:
        self.clients = clients
        self.let_in: list[str] = []
        self.asked = 0

    async def watch(self, until: Callable[[], bool]) -> None:
        """Until the condition holds."""
        while not until():
            for client in list(self.clients):
                answer = await client.get(LIST)
                self.asked += 1
                if answer.status != 401:
                    self.let_in.append(f"{answer.status} at {answer.sent_at}")
            await asyncio.sleep(0.02)


async def ended(person: Person) -> list[Client]:
    """The clients of a session that both workers know and that is then ended by the first."""
    for client in person.clients:
        for _ in range(2):
            assert (await client.get(LIST)).status == 200
    assert (await person.clients[0].ask("POST", "/api/v2/auth/logout")).status == 204
    return list(person.clients)


async def outage(
    workers: Workers, begin: Callable[[], object], end: Callable[[], object], *, away_seconds: float
) -> Outage:
    """Load throughout, and Redis away in the middle of it: from `begin` for so long until `end`."""
    findings, over = Findings(), asyncio.Event()
    clients = await writers(workers, CLIENTS)
    before, meanwhile = await workers.person(), await workers.person()
    for client in (*meanwhile.clients, *meanwhile.clients):
        assert (await client.get(LIST)).status == 200
    watcher = Watcher(await ended(before))
    load = asyncio.gather(write_and_read(clients, findings, until=over.is_set), watcher.watch(over.is_set))
    await asyncio.sleep(NORMAL_SECONDS)
    began_at = time.time()
    await asyncio.to_thread(begin)
    await asyncio.sleep(away_seconds / 2)
    assert (await meanwhile.clients[0].ask("POST", "/api/v2/auth/logout")).status == 204
    watcher.clients += meanwhile.clients
    await asyncio.sleep(away_seconds / 2)
    ended_at = time.time()
    await asyncio.to_thread(end)
    await _until_healed(workers)
    healed_at = time.time()
    await asyncio.sleep(NORMAL_SECONDS)
    over.set()
    await load
    assert watcher.asked > 20
    return Outage(findings, clients, watcher.let_in, began_at, ended_at, healed_at)


async def _until_healed(workers: Workers) -> None:
    """Returns when every worker says that it uses Redis; what it says may have been found before the outage ended."""
    await asyncio.sleep(KEEP_SECONDS + 0.1)
    for worker in range(len(workers.servers)):
        client = workers.client(worker)
        async with asyncio.timeout(HEALED_WITHIN_SECONDS):
            while (await client.get("/health")).document["cache"] != "redis":
                await asyncio.sleep(0.02)


def assert_unharmed(seen: Outage) -> None:
    """No failure, nothing stale, nobody let in, and not much slower."""
    assert seen.findings.failed == []
    assert seen.stale == []
    assert seen.let_in == []
    assert seen.p99_seconds < seen.normal_p99_seconds + SLOWER_SECONDS
    assert min(seen.findings.reads[kind] for kind in ("item", "list", "stats")) > 10


@pytest.fixture(scope="module")
async def workers(servers: LocalStack) -> AsyncIterator[Workers]:
    url, redis_url = servers.database_url("postgres"), servers.redis_url()
    logged = {"DEBUG": "true", "LOG_LEVEL": "info"}
    async with working(url, [redis_url] * 2, store_url=redis_url, altered="patient", **logged) as started:
        yield started


async def assert_settled(seen: Outage) -> None:
    """What only one worker could tell is known to both by now."""
    await asyncio.sleep(NOTICED_SECONDS)
    findings = Findings()
    for writer in seen.writers:
        await writer.read_all(findings)
    assert findings.stale == []
    assert findings.reads["item"] >= 2 * CLIENTS


async def assert_hits_again(workers: Workers) -> None:
    """Each worker answers somebody new from what it keeps."""
    person = await workers.person()
    for server, client in zip(workers.servers, person.clients, strict=True):
        await until_hit(client, server, LIST, seconds=HEALED_WITHIN_SECONDS)


class TestFrozen:
    async def test_nothing_fails_and_it_heals(self, workers: Workers, valkey: ServerProcess) -> None:
        assert_unharmed(await outage(workers, valkey.freeze, valkey.thaw, away_seconds=FROZEN_SECONDS))
        await assert_hits_again(workers)


class TestKilled:
    async def test_nothing_fails_and_the_empty_one_is_used(self, workers: Workers, valkey: ServerProcess) -> None:
        seen = await outage(workers, valkey.kill, valkey.start, away_seconds=2.0)
        assert_unharmed(seen)
        await assert_settled(seen)
        await assert_hits_again(workers)


class TestRestarted:
    async def test_nothing_fails_and_nothing_old_comes_back(self, workers: Workers, valkey: ServerProcess) -> None:
        assert_unharmed(await outage(workers, valkey.kill, valkey.start, away_seconds=0.0))
        await assert_hits_again(workers)
