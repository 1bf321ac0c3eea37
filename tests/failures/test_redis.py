"""Redis is optional: without it, or when it dies or freezes, nothing fails."""

import asyncio

import httpx

from app.server_process import ServerProcess
from app.settings import Settings
from tests.conftest import Running, running
from tests.failures.conftest import until_ready

TODOS = "/api/v2/todos"


async def state(http: httpx.AsyncClient) -> tuple[int, str, str]:
    """What readiness says."""
    answer = await http.get("/health/ready")
    return answer.status_code, answer.json()["status"], answer.json()["cache"]


async def until_state(http: httpx.AsyncClient, wanted: tuple[int, str, str]) -> None:
    """Returns when readiness says so: what it remembers expires, and Redis is looked for, within seconds."""
    async with asyncio.timeout(8):
        while await state(http) != wanted:
            await asyncio.sleep(0.05)


class TestAbsent:
    async def test_without_a_url_it_runs_locally_and_says_so(self, breakable: Settings) -> None:
        without = breakable.with_urls(database_url=breakable.database.url.get_secret_value(), redis_url="")
        async with running(without) as service:
            transport = httpx.ASGITransport(service.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
                assert (await http.get("/health")).json()["cache"] == "local"
                assert (await http.get("/health/ready")).status_code == 200


class TestBroken:
    async def test_a_dead_one_degrades_and_fails_nothing(
        self, valkey: ServerProcess, service: Running, person: httpx.AsyncClient
    ) -> None:
        await until_ready(person, seconds=5)
        await asyncio.to_thread(valkey.kill)
        try:
            await until_state(person, (200, "degraded", "unavailable"))
            assert (await person.post(TODOS, json={"title": "x"})).status_code == 201
            assert (await person.get(TODOS)).status_code == 200
        finally:
            await asyncio.to_thread(valkey.start)
        await until_state(person, (200, "ok", "redis"))

    async def test_a_frozen_one_delays_no_request_by_more_than_its_time_limit(
        self, valkey: ServerProcess, service: Running, person: httpx.AsyncClient
    ) -> None:
        valkey.freeze()
        try:
            async with asyncio.timeout(4):
                assert (await person.get(TODOS)).status_code == 200
                await until_state(person, (200, "degraded", "unavailable"))
        finally:
            valkey.thaw()
        await until_state(person, (200, "ok", "redis"))
