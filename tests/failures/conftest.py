"""Servers of these tests' own, to be killed and frozen, and a service on them."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from app.database import migrations
from app.local_stack import LocalStack
from app.server_process import ServerProcess
from app.settings import Settings, load_settings
from tests.conftest import UNREACHED, Running, running
from tests.factories import bearer, make_user, open_session


@pytest.fixture(scope="module")
def servers() -> Iterator[LocalStack]:
    directory = Path(tempfile.mkdtemp(prefix="todo-failures-"))
    directory.chmod(0o711)  # The user that runs PostgreSQL for root has to pass.
    with LocalStack(directory) as started:
        migrations.upgrade(started.database_url("postgres"))
        yield started
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def valkey(servers: LocalStack) -> ServerProcess:
    assert servers.valkey is not None
    return servers.valkey


@pytest.fixture(scope="module")
def breakable(servers: LocalStack) -> Settings:
    return load_settings(
        ENVIRONMENT="test",
        DATABASE_URL=servers.database_url("postgres"),
        REDIS_URL=servers.redis_url(),
        DB_POOL_SIZE="4",
        DB_MAX_OVERFLOW="0",
        DB_POOL_TIMEOUT="0.5",
        DB_QUERY_TIMEOUT="5",
        RATE_LIMIT_FACTOR=UNREACHED,
    )


@pytest.fixture
async def service(breakable: Settings) -> AsyncIterator[Running]:
    async with running(breakable) as started:
        yield started


@pytest.fixture
async def person(service: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is logged in."""
    user = await make_user(service.services.database)
    headers = bearer(await open_session(service.services.database, service.services.authority, user))
    transport = httpx.ASGITransport(service.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as http:
        yield http


async def until_ready(http: httpx.AsyncClient, *, seconds: float) -> None:
    """Returns when readiness says 200. Raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while (await http.get("/health/ready")).status_code != 200:
            await asyncio.sleep(0.05)
