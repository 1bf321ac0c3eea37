"""A service that blocks, and visitors from addresses that nobody else has."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import asyncpg
import httpx
import pytest

from app.abuse.guard import Guard
from app.settings import Settings
from tests.addresses import unused_address
from tests.conftest import Running, running

Visitor = Callable[[str], httpx.AsyncClient]


@pytest.fixture(scope="module")
async def guarded(settings: Settings) -> AsyncIterator[Running]:
    """The service of this module."""
    async with running(settings) as started:
        yield started


@pytest.fixture
def guard(guarded: Running) -> Guard:
    assert guarded.services.guard is not None
    return guarded.services.guard


@pytest.fixture
def addresses() -> Iterator[str]:
    """Clients whom nobody knows yet."""

    def made() -> Iterator[str]:
        while True:
            yield unused_address()

    return made()


@pytest.fixture
def address(addresses: Iterator[str]) -> str:
    return next(addresses)


@pytest.fixture
async def visit(guarded: Running) -> AsyncIterator[Visitor]:
    """Makes a client that comes from an address."""
    async with AsyncExitStack() as clients:

        def client(address: str) -> httpx.AsyncClient:
            transport = httpx.ASGITransport(guarded.app, raise_app_exceptions=False, client=(address, 5000))
            http = httpx.AsyncClient(transport=transport, base_url="http://todo.test")
            clients.push_async_callback(http.aclose)
            return http

        yield client


@pytest.fixture
async def rows_of(settings: Settings) -> AsyncIterator[Callable[..., Awaitable[list[asyncpg.Record]]]]:
    """What is stored of a client's blocks, the oldest first; or runs another statement about them."""
    connection = await asyncpg.connect(settings.database.url.get_secret_value())

    async def rows(
        client_key: str, statement: str = "SELECT * FROM address_blocks WHERE client_key = $1 ORDER BY since, id"
    ) -> list[asyncpg.Record]:
        return list(await connection.fetch(statement, client_key))

    yield rows
    await connection.close()
