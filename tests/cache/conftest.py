"""A database and a Valkey of these tests' own: nobody else sweeps its notes or touches its tags."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.cache.processes import CREATE_NUMBERS, Process, running
from tests.conftest import TEMPLATE, WORKER, Stack, recreate
from tests.redis_proxy import RedisProxy
from tests.valkey_servers import Valkey


@pytest.fixture(scope="session")
async def numbers_url(stack: Stack) -> str:
    """A migrated database with a table of numbers, which these tests cache."""
    url = await recreate(stack.admin_url, f"todo_cache_{WORKER}_test", template=TEMPLATE)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(CREATE_NUMBERS)
    finally:
        await connection.close()
    return url


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A server that no test may harm."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A server to be killed, frozen and demoted."""
    with Valkey(tmp_path) as server:
        yield server


@pytest.fixture
async def proxy(shared: Valkey) -> AsyncIterator[RedisProxy]:
    """The first process's way to the shared server."""
    async with RedisProxy(shared.url) as way:
        yield way


@pytest.fixture
async def process(numbers_url: str, proxy: RedisProxy) -> AsyncIterator[Process]:
    """One process of the service, connected over `proxy`."""
    async with running(Process(numbers_url, proxy.url)) as started:
        yield started


@pytest.fixture
async def other(numbers_url: str, shared: Valkey) -> AsyncIterator[Process]:
    """Another process, on a way of its own."""
    async with running(Process(numbers_url, shared.url)) as started:
        yield started
