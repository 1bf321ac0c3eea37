"""A service whose limits can be reached, and clients that nobody has charged yet."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import httpx

from app.database.executor import Database
from app.setting_groups import RateLimitSettings
from app.settings import Settings
from tests.conftest import WORKER, Running, running
from tests.factories import bearer, make_user, open_session

_ADDRESSES = count(1)

Persons = Callable[[], Awaitable[httpx.AsyncClient]]


def new_address() -> str:
    """An address that no other test of this process comes from."""
    number = next(_ADDRESSES)
    return f"198.51.{int(WORKER.removeprefix('gw')) * 64 + number // 250}.{number % 250 + 1}"


def limited(settings: Settings, **limits: str) -> Settings:
    """These settings with limits of the test's own, by the names of their variables without the beginning."""
    given = {f"RATE_LIMIT_{name.upper()}": value for name, value in limits.items() if name != "distributed"}
    if "distributed" in limits:
        given["ENABLE_DISTRIBUTED_RATE_LIMIT"] = limits["distributed"]
    return settings.model_copy(update={"rate_limits": RateLimitSettings.model_validate(given)})


@dataclass
class Limited:
    """A running service, and who asks it."""

    running: Running
    database: Database
    base_url: str
    clients: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def anybody(self, address: str = "") -> httpx.AsyncClient:
        """A client without a token, from an address of its own unless one is given."""
        transport = httpx.ASGITransport(
            self.running.app, raise_app_exceptions=False, client=(address or new_address(), 5000)
        )
        return await self.clients.enter_async_context(httpx.AsyncClient(transport=transport, base_url=self.base_url))

    async def somebody(self, address: str = "") -> httpx.AsyncClient:
        """A client that is logged in as a user of its own."""
        user = await make_user(self.database)
        client = await self.anybody(address)
        client.headers.update(bearer(await open_session(self.database, self.running.services.authority, user)))
        return client


@asynccontextmanager
async def limited_service(settings: Settings, database: Database, **limits: str) -> AsyncIterator[Limited]:
    """A service with these limits."""
    async with running(limited(settings, **limits)) as started:
        service = Limited(started, database, settings.http.base_url)
        async with service.clients:
            yield service


def rate_limit(response: httpx.Response) -> tuple[str, int, int]:
    """What `RateLimit` says: the limit's name, what remains, and the seconds."""
    name, remaining, seconds = response.headers["ratelimit"].split(";")
    return name.strip('"'), int(remaining.removeprefix("r=")), int(seconds.removeprefix("t="))
