"""Too much to do: the excess is refused at once and politely, the rest is served, health answers, and it is soon over.

`python -m tests.failures.test_overload` runs the long version: three times the measured capacity for 30 seconds.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import asyncpg
import uvloop

from app.database import migrations
from app.database.executor import Database
from app.local_stack import LocalStack
from app.settings import load_settings, variables
from bench.messages import exchange, request
from bench.processes import Server, cpu_seconds, serving
from tests.conftest import UNREACHED
from tests.factories import PASSWORD, make_user
from tests.failures.steady_load import Exchange, at_rate, in_turn, statuses, successes_by_second

ROOT = Path(__file__).resolve().parents[2]
TODOS = "/api/v2/todos"
LIVE = request("GET", "/health/live")


@dataclass(frozen=True)
class Target:
    """A running service, and a caller of it with a page of todos."""

    port: int
    token: str
    todo_ids: Sequence[str]

    @property
    def reads(self) -> list[bytes]:
        """One list for every two todos, none of them from a cache."""
        page = request("GET", f"{TODOS}?limit=20", token=self.token, uncached=True)
        ones = [request("GET", f"{TODOS}/{todo_id}", token=self.token, uncached=True) for todo_id in self.todo_ids]
        return [message for pair in zip(ones[::2], ones[1::2], strict=True) for message in (*pair, page)]

    @property
    def mix(self) -> list[bytes]:
        """Nine reads for every write."""
        create = request("POST", TODOS, token=self.token, document={"title": "x"})
        return [*self.reads, *([create] * (len(self.reads) // 9))]


@contextmanager
def service(database_url: str, **variables_given: str) -> Iterator[Server]:
    """The real service in a process of its own."""
    own = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in variables()}
    environment = {**own, "ENVIRONMENT": "test", "DATABASE_URL": database_url, "DRAIN_SECONDS": "0"}
    environment |= {"RATE_LIMIT_FACTOR": UNREACHED, **variables_given}
    with (
        tempfile.TemporaryDirectory() as directory,
        serving(
            "the service",
            (sys.executable, "-m", "app.cli", "serve"),
            environment=environment,
            directory=ROOT,
            log=Path(directory) / "service.log",
            answers=LIVE,
            cores=None,
        ) as server,
    ):
        yield server


async def target(database_url: str, port: int) -> Target:
    """Signs somebody in and gives them a page of todos."""
    database = Database(load_settings(DATABASE_URL=database_url).database)
    user = await make_user(database)
    await database.close()

    def arrange() -> Target:
        login = request("POST", "/api/v2/auth/login", document={"email": user.email, "password": PASSWORD})
        token = str(exchange(port, login).document()["access_token"])
        create = request("POST", TODOS, token=token, document={"title": "x"})
        return Target(port, token, [str(exchange(port, create).document()["id"]) for _ in range(24)])

    return await asyncio.to_thread(arrange)


@asynccontextmanager
async def health_watched(port: int) -> AsyncIterator[list[Exchange]]:
    """Asks for health twenty times a second meanwhile; the list fills."""
    seen: list[Exchange] = []
    stopped = asyncio.Event()

    async def watch() -> None:
        while not stopped.is_set():
            seen.extend(await in_turn(port, [LIVE], clients=1, seconds=0))
            await asyncio.sleep(0.05)

    task = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        stopped.set()
        await task


def assert_polite(exchanges: Sequence[Exchange]) -> None:
    """Everything is served, or refused with a problem document that says when to come back."""
    assert set(statuses(exchanges)) <= {200, 201, 503}
    for each in exchanges:
        if each.status == 503:
            assert json.loads(each.body)["code"] == "OVERLOADED"
            assert each.retry_after is not None
            assert 1 <= each.retry_after <= 30


@asynccontextmanager
async def todos_locked(database_url: str) -> AsyncIterator[None]:
    """Nobody reads or writes a todo until the block ends."""
    blocker = await asyncpg.connect(database_url)
    try:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE todos IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await blocker.close()


class TestStuck:
    async def test_what_has_no_place_in_the_queue_is_refused_at_once_and_what_waits_soon(
        self, servers: LocalStack
    ) -> None:
        url = servers.database_url("postgres")
        with service(url, MAX_CONCURRENT="8", MAX_QUEUE_SIZE="10") as server:
            port = server.port
            caller = await target(url, port)
            page = request("GET", TODOS, token=caller.token, uncached=True)
            async with health_watched(port) as health:
                async with todos_locked(url):
                    load = asyncio.create_task(in_turn(port, [page], clients=40, seconds=0))
                    await asyncio.sleep(3)
                seen = await load
                after = await in_turn(port, caller.mix, clients=4, seconds=0.5)
        assert_polite(seen)
        assert statuses(seen) == {200: 8, 503: 32}
        refused = sorted(each.seconds for each in seen if each.status == 503)
        # Those who found the queue full, and those whose patience of a second ended: both before the lock was free.
        assert refused[21] < 0.9 <= refused[22]
        assert refused[-1] < 2.8
        assert set(statuses(after)) == {200, 201}
        assert set(statuses(health)) == {200}


class TestTooMuch:
    async def test_most_of_what_can_be_done_is_done_and_the_rest_refused(self, servers: LocalStack) -> None:
        url = servers.database_url("postgres")
        with service(url, MAX_CONCURRENT="8", MAX_QUEUE_SIZE="16") as server:
            port = server.port
            caller = await target(url, port)
            await in_turn(port, caller.reads, clients=8, seconds=0.5)
            peak = len(await in_turn(port, caller.reads, clients=8, seconds=1))
            async with health_watched(port) as health:
                seen = await at_rate(port, caller.reads, per_second=3 * peak, seconds=2)
            ended = time.monotonic()
            after = await at_rate(port, caller.reads, per_second=peak / 4, seconds=1)
        assert_polite(seen)
        assert statuses(seen)[503] > statuses(seen)[200] / 4
        # The figure of the long version is 0.7; here the load and the service share the machine with other tests.
        assert statuses(seen)[200] > 0.3 * 2 * peak
        assert {each.status for each in after if each.sent_at > ended + 0.5} == {200}
        assert set(statuses(health)) == {200}


async def three_times_for_half_a_minute(url: str, server: Server) -> None:
    """Prints what the service can do, what it does under three times as much, and how soon it is over.

    Also by CPU time of the service, since the machine may have other things to do.
    """
    port = server.port
    caller = await target(url, port)
    await in_turn(port, caller.mix, clients=16, seconds=2)
    cpu_before = cpu_seconds(server.pid)
    rates = {n: len(await in_turn(port, caller.mix, clients=n, seconds=5)) / 5 for n in (16, 32, 64)}
    cpu_for_one = (cpu_seconds(server.pid) - cpu_before) / (sum(rates.values()) * 5)
    peak = max(rates.values())
    print("capacity, answers a second by clients:", {n: round(rate) for n, rate in rates.items()})  # noqa: T201 - by hand
    async with health_watched(port) as health:
        cpu_before, own_before = cpu_seconds(server.pid), time.process_time()
        seen = await at_rate(port, caller.mix, per_second=3 * peak, seconds=30)
        cpu = cpu_seconds(server.pid) - cpu_before
        own_cpu = time.process_time() - own_before
        ended = time.monotonic()
        after = await at_rate(port, caller.mix, per_second=peak / 2, seconds=10)
    served = [each for each in seen if 200 <= each.status < 300]
    refused = [each for each in seen if each.status == 503]
    others = [each.body for each in seen if each.status not in {0, 200, 201, 503}]
    failed = [each.sent_at for each in after if not 200 <= each.status < 300]
    lines = {
        "wanted and sent a second": (round(3 * peak), round(len(seen) / 30)),
        "statuses": dict(statuses(seen)),
        "other answers": others[:3],
        "goodput, share of capacity": round(len(served) / 30 / peak, 3),
        "share of the service's CPU time that went to goodput": round(len(served) * cpu_for_one / cpu, 3),
        "CPU seconds of the service and of its clients": (round(cpu, 1), round(own_cpu, 1)),
        "goodput by second": list(successes_by_second(seen)),
        "served, p50 and p99 ms": _milliseconds(served),
        "refused, p50 and p99 ms": _milliseconds(refused),
        "refused without Retry-After": sum(each.retry_after is None for each in refused),
        "health statuses": dict(statuses(health)),
        "health, p50 and p99 ms": _milliseconds(health),
        "seconds until the last refusal afterwards": round(max(failed) - ended, 2) if failed else 0,
        "afterwards, p50 and p99 ms": _milliseconds([each for each in after if each.sent_at > ended + 5]),
    }
    for name, value in lines.items():
        print(f"{name}: {value}")  # noqa: T201 - as above


def _milliseconds(exchanges: Sequence[Exchange]) -> tuple[float, float]:
    times = sorted(each.seconds * 1000 for each in exchanges)
    return (round(median(times), 1), round(times[int(len(times) * 0.99)], 1)) if times else (0.0, 0.0)


def main() -> None:
    """The long version, with the settings that the environment gives."""
    with tempfile.TemporaryDirectory(prefix="todo-overload-") as name:
        directory = Path(name)
        directory.chmod(0o711)  # The user that runs PostgreSQL for root has to pass.
        with LocalStack(directory) as servers:
            url = servers.database_url("postgres")
            migrations.upgrade(url)
            with service(url, REDIS_URL=servers.redis_url(), LOG_FORMAT="json") as server:
                os.nice(5)  # Who asks must not take from PostgreSQL the time that it answers with.
                uvloop.run(three_times_for_half_a_minute(url, server))


if __name__ == "__main__":
    main()
