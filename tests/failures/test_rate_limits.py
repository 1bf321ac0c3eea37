"""Limits over real processes: they count together, alone without Redis, and less under load."""

import asyncio
import itertools
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from app.local_stack import LocalStack
from app.server_process import ServerProcess
from app.settings import Settings, variables
from bench.messages import request
from bench.processes import serving
from tests.conftest import running
from tests.failures.conftest import until_ready
from tests.failures.steady_load import Exchange, in_turn, statuses
from tests.failures.test_overload import service as overloaded_service
from tests.failures.test_overload import target, todos_locked

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 4
LIMIT = 3000
# Anybody's, and nothing but a limit stands before it.
ENTRY = request("GET", "/api/v2")
LIVE = request("GET", "/health/live")


@contextmanager
def services(servers: LocalStack, number: int, **given: str) -> Iterator[list[int]]:
    """So many processes of the service, each on a port of its own."""
    own = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in variables()}
    environment = {
        **own,
        "ENVIRONMENT": "test",
        "DATABASE_URL": servers.database_url("postgres"),
        "REDIS_URL": servers.redis_url(3),
        "LOG_LEVEL": "warning",
        "DRAIN_SECONDS": "0",
        **given,
    }
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        yield [
            stack.enter_context(
                serving(
                    f"process {each}",
                    (sys.executable, "-m", "app.cli", "serve"),
                    environment=environment,
                    directory=ROOT,
                    log=Path(directory) / f"{each}.log",
                    answers=LIVE,
                    cores=None,
                )
            ).port
            for each in range(number)
        ]


async def asked_until_refused(ports: Sequence[int], total: int) -> Counter[int]:
    """The statuses of so many requests to all of them at once."""
    share = total // len(ports)

    async def ask(port: int) -> list[Exchange]:
        seen: list[Exchange] = []
        while len(seen) < share:
            seen += await in_turn(port, [ENTRY] * 50, clients=8, seconds=0.2)
        return seen

    found = await asyncio.gather(*(ask(port) for port in ports))
    return Counter(itertools.chain.from_iterable([each.status for each in seen] for seen in found))


class TestFourProcesses:
    """Of one address, in a day's window: within the seconds of a test nothing comes back."""

    async def test_together_they_let_through_what_the_limit_says(self, servers: LocalStack) -> None:
        given = {"RATE_LIMIT_ANONYMOUS": f"{LIMIT}/day", "RATE_LIMIT_ADDRESS": "1000000/day"}
        with services(servers, PROCESSES, **given) as ports:
            seen = await asked_until_refused(ports, 2 * LIMIT)
        assert set(seen) == {200, 429}
        assert abs(seen[200] - LIMIT) <= LIMIT / 100

    async def test_each_alone_they_let_through_as_many_times_as_much(self, servers: LocalStack) -> None:
        """What the other test would see if they did not count together."""
        limit = LIMIT // 3
        given = {"RATE_LIMIT_ANONYMOUS": f"{limit}/day", "ENABLE_DISTRIBUTED_RATE_LIMIT": "false"}
        with services(servers, PROCESSES, **given) as ports:
            seen = await asked_until_refused(ports, 6 * limit)
        assert abs(seen[200] - PROCESSES * limit) <= PROCESSES * limit / 100


class TestRedis:
    @pytest.mark.parametrize("how", ["dead", "frozen"])
    async def test_without_it_limits_hold_per_process_and_nothing_fails(
        self, breakable: Settings, valkey: ServerProcess, how: str
    ) -> None:
        limits = breakable.rate_limits.model_copy(update={"anonymous": "20/day", "factor": 1.0})
        async with running(breakable.model_copy(update={"rate_limits": limits})) as service:
            transport = httpx.ASGITransport(service.app, raise_app_exceptions=False, client=(f"192.0.2.{len(how)}", 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
                await until_ready(http, seconds=5)
                before = Counter([(await http.get("/api/v2")).status_code for _ in range(25)])
                await asyncio.to_thread(valkey.kill if how == "dead" else valkey.freeze)
                try:
                    during = Counter([(await http.get("/api/v2")).status_code for _ in range(25)])
                finally:
                    await asyncio.to_thread(valkey.start if how == "dead" else valkey.thaw)
                async with asyncio.timeout(8):
                    while not service.services.limits.is_shared:
                        await asyncio.sleep(0.05)
                after = (await http.get("/api/v2")).status_code
        assert before == during == {200: 20, 429: 5}
        # One that was frozen remembers, one that has died does not.
        assert after == (200 if how == "dead" else 429)


class TestOverload:
    async def test_limits_are_lowered_while_there_is_too_much_to_do_and_come_back(self, servers: LocalStack) -> None:
        url = servers.database_url("postgres")
        with overloaded_service(url, MAX_CONCURRENT="8", MAX_QUEUE_SIZE="10") as server:
            caller = await target(url, server.port)
            page = request("GET", "/api/v2/todos", token=caller.token, uncached=True)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as http:
                whole = await allowed(http)
                async with todos_locked(url):
                    stuck = asyncio.create_task(in_turn(server.port, [page], clients=40, seconds=0))
                    await asyncio.sleep(2.5)
                    health = await http.get("/health/live")
                assert statuses(await stuck)[503] > 0
                lowered = await allowed(http)
                async with asyncio.timeout(20):
                    while await allowed(http) != whole:
                        await asyncio.sleep(0.1)
        assert whole / 4 <= lowered < whole
        assert health.status_code == 200
        assert "ratelimit" not in health.headers


async def allowed(http: httpx.AsyncClient) -> int:
    """The limit that a request met."""
    answer = await http.get("/api/v2")
    assert answer.status_code == 200
    return int(answer.headers["x-ratelimit-limit"])
