"""Health, as probes and people see it."""

import asyncio
import datetime as dt

import httpx
import pytest

from app.api import health
from app.database.executor import Database
from app.settings import Settings
from tests.conftest import WORKER, Running, Stack, recreate, running


class TestHealth:
    async def test_it_names_database_cache_and_time(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/health")
        assert answer.status_code == 200
        assert {name: answer.json()[name] for name in ("status", "database", "cache")} == {
            "status": "ok",
            "database": "ok",
            "cache": "redis",
        }
        age = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(answer.json()["timestamp"])
        assert age < dt.timedelta(minutes=1)
        assert answer.headers["cache-control"] == "no-store"

    async def test_liveness_asks_nobody(self, client: httpx.AsyncClient, service: Running) -> None:
        with service.services.database.observed() as statements:
            assert (await client.get("/health/live")).json() == {"status": "ok"}
        assert statements == []


class TestReadiness:
    async def test_a_crowd_of_probes_costs_one_look(
        self, client: httpx.AsyncClient, service: Running, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(health, "KEEP_SECONDS", 30.0)
        await asyncio.sleep(1.05)  # What was found before is forgotten.
        with service.services.database.observed() as statements:
            answers = await asyncio.gather(*(client.get("/health/ready") for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        assert statements == ["migrations.current"]

    async def test_draining_is_503_while_requests_are_still_served(self, settings: Settings) -> None:
        async with running(settings) as service:
            transport = httpx.ASGITransport(service.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
                assert (await http.get("/health/ready")).status_code == 200
                service.services.draining.start()
                refused = await http.get("/health/ready")
                assert (refused.status_code, refused.json()["status"]) == (503, "draining")
                assert (await http.get("/health/live")).status_code == 200
                assert (await http.get("/api/v2")).status_code == 200

    async def test_a_database_that_is_not_migrated_is_behind(self, stack: Stack, settings: Settings) -> None:
        url = await recreate(stack.admin_url, f"todo_{WORKER}_behind_test")
        async with running(settings.with_urls(database_url=url, redis_url="")) as service:
            transport = httpx.ASGITransport(service.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
                answer = await http.get("/health/ready")
        assert (answer.status_code, answer.json()["database"]) == (503, "behind")

    async def test_a_slow_database_is_given_two_seconds_at_most(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(health, "CHECK_SECONDS", 0.2)
        async with running(settings) as service:
            database: Database = service.services.database
            held = [await database.pool.acquire() for _ in range(15)]
            transport = httpx.ASGITransport(service.app)
            async with asyncio.timeout(2), httpx.AsyncClient(transport=transport, base_url="http://test") as http:
                assert (await http.get("/health/ready")).json()["database"] == "unavailable"
            for connection in held:
                database.pool.release(connection)
