"""Services for these tests, and what an attacker does to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from app.settings import Settings, load_settings
from tests.conftest import UNREACHED, Running, running
from tests.valkey_servers import until

TRAPS = ("/.env", "/wp-login.php")


async def spring_traps(http: httpx.AsyncClient) -> None:
    for path in TRAPS:
        assert (await http.get(path)).status_code == 404


@asynccontextmanager
async def serving(settings: Settings, *, environment: str = "test", **variables: str) -> AsyncIterator[Running]:
    """A service with other settings on the same servers, without what production demands of secrets."""
    urls = {
        "DATABASE_URL": settings.database.url.get_secret_value(),
        "REDIS_URL": settings.redis.url.get_secret_value(),
    }
    given: dict[str, Any] = {"ENVIRONMENT": "test", "RATE_LIMIT_FACTOR": UNREACHED, **urls, **variables}
    async with running(load_settings(**given).model_copy(update={"environment": environment})) as started:
        yield started


def client_of(app: Any, address: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 1)), base_url="http://todo.test"
    )


async def is_blocked_after_traps(service: Running, address: str) -> bool:
    guard = service.services.guard
    assert guard is not None
    async with client_of(service.app, address) as http:
        await spring_traps(http)
        await until(lambda: not guard._tasks)
        return (await http.get("/")).status_code == 429
