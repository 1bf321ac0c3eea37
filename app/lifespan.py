"""Everything that lives as long as the process: built once when it starts, closed in reverse when it stops."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypedDict

from starlette.types import Scope

from app.cache.announcing import Announcer
from app.cache.layer import Cache
from app.cache.warming import remember_popular, warm
from app.database.executor import Database
from app.database.watch import for_nobody, log_statement
from app.domain.identity.api_key_gate import ApiKeyGate
from app.domain.identity.api_key_uses import ApiKeyUses
from app.domain.identity.authority import Authority, authority
from app.domain.identity.gate import SessionGate
from app.domain.identity.letters import Letters
from app.domain.second_factors.keys import FactorKeys, factor_keys
from app.domain.todos.creations import Creations
from app.domain.todos.reading import TodoReader
from app.draining import Draining
from app.erasure_replay import replay_before_use
from app.field_encryption import FieldCipher, field_cipher
from app.outbound.providers import Providers
from app.rate_limits.limits import RateLimits
from app.redis.link import Link
from app.redis_address import servers_at
from app.settings import Settings

if TYPE_CHECKING:
    # Commands have services as well, and no application: it would take them a fifth longer to start.
    from fastapi import FastAPI

    from app.abuse.guard import Guard

FIRST_TRY_SECONDS = 0.5


@dataclass(frozen=True)
class Services:
    """The objects that handlers and jobs work with."""

    settings: Settings
    database: Database
    # None where no Redis is configured: then nothing is kept between requests.
    cache: Cache | None
    authority: Authority
    cipher: FieldCipher
    # What is sent through them goes by way of app.domain.messages.
    providers: Providers
    letters: Letters
    factor_keys: FactorKeys
    gate: SessionGate
    api_keys: ApiKeyGate
    api_key_uses: ApiKeyUses
    todos: TodoReader
    creations: Creations
    limits: RateLimits
    draining: Draining
    # Done when whoever was erased is so in this database, too; until then nobody gets a connection to it.
    replay: "asyncio.Task[None]"
    # None with ENABLE_ENHANCED_SECURITY=false: then nobody is scored or blocked.
    guard: "Guard | None"


class State(TypedDict):
    """What the server hands to each request's scope."""

    services: Services


@asynccontextmanager
async def running_services(
    settings: Settings, draining: Draining, *, limits: RateLimits | None = None, application_name: str = "todo"
) -> AsyncIterator[Services]:
    """Opens everything; nothing connects before its first use, so the process starts without Postgres or Redis.

    `limits` are those that the application's routes were planned with; who serves no requests needs none.
    """
    async with AsyncExitStack() as stack:
        database = Database(settings.database, application_name=application_name)
        stack.push_async_callback(database.close)
        replay = await replay_before_use(settings, database)
        stack.push_async_callback(_end, replay)
        if settings.debug:
            database.watch.observers.append(log_statement)
        limits = limits or RateLimits(settings.rate_limits)
        cache = await _cache(settings, database, stack)
        if cache is not None:
            limits.share(cache.link)
        proofs = authority(settings.security)
        stack.callback(proofs.close)
        cipher = field_cipher(settings.encryption)
        providers = Providers(settings.outbound)
        stack.push_async_callback(providers.close)
        uses = ApiKeyUses(database)
        _keep(uses, stack)
        window_seconds = settings.database.batch_window_ms / 1000
        max_size = settings.database.batch_maximum
        yield Services(
            settings=settings,
            database=database,
            cache=cache,
            authority=proofs,
            cipher=cipher,
            providers=providers,
            letters=Letters(cipher, settings.http.account_pages),
            factor_keys=factor_keys(settings.security, settings.outbound, cipher),
            gate=SessionGate(database.reader, proofs.access_tokens, cache),
            api_keys=ApiKeyGate(database.reader, cache),
            api_key_uses=uses,
            todos=TodoReader(database.reader, window_seconds=window_seconds, max_size=max_size),
            creations=Creations(database, window_seconds=window_seconds, max_size=max_size),
            limits=limits,
            draining=draining,
            replay=replay,
            guard=_guard(settings, database, cache, stack),
        )


def _guard(settings: Settings, database: Database, cache: Cache | None, stack: AsyncExitStack) -> "Guard | None":
    """Who scores and blocks clients, and what keeps that true, as long as `stack` lives."""
    if not settings.threat.is_enabled:
        return None
    from app.abuse.guard import Guard  # noqa: PLC0415 - not even imported where it is switched off

    guard = Guard(settings, database, None if cache is None else cache.link)
    stack.push_async_callback(guard.close)
    _keep(guard.blocklist, stack)
    return guard


async def _cache(settings: Settings, database: Database, stack: AsyncExitStack) -> Cache | None:
    """The cache and what keeps it true, as long as `stack` lives."""
    url = settings.redis.url.get_secret_value()
    if not url:
        return None
    link = Link(servers_at(url))
    cache = Cache(
        link,
        ttl_seconds=settings.cache.ttl_seconds,
        process_bytes=settings.cache.process_bytes,
        compress_bytes=settings.cache.compress_bytes,
    )
    announcer = Announcer(database, link, cache.tags, cache.counts)
    _keep(link, stack)
    _keep(announcer, stack)
    # So that a process whose Redis lives begins with it; one whose Redis is away begins without.
    await link.wait_for_first_try(FIRST_TRY_SECONDS)
    await warm(cache)
    stack.push_async_callback(remember_popular, cache)
    return cache


class Keeper(Protocol):
    """What does something again and again, as long as the process lives."""

    async def keep(self) -> None:
        """Does it until cancelled."""


def _keep(keeper: Keeper, stack: AsyncExitStack) -> None:
    """Lets it work as long as `stack` lives."""
    stack.push_async_callback(_end, asyncio.create_task(keeper.keep(), context=for_nobody()))


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def lifespan(app: "FastAPI") -> AsyncIterator[State]:
    """Starlette's lifespan: the services of this worker process."""
    async with running_services(app.state.settings, app.state.draining, limits=app.state.limits) as services:
        # What lives as long as the process is never garbage: collections need not walk it at every round.
        gc.collect()
        gc.freeze()
        yield {"services": services}


def services_of(scope: Scope) -> Services:
    """The services of the process that handles this request."""
    services: Services = scope["state"]["services"]
    return services
