"""Everything that lives as long as the process: built once when it starts, closed in reverse when it stops."""

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypedDict

from fastapi import FastAPI
from redis.asyncio import Redis
from starlette.types import Scope

from app.database.executor import Database
from app.database.watch import log_statement
from app.domain.identity.authority import Authority, authority
from app.domain.identity.gate import SessionGate
from app.draining import Draining
from app.redis import connect
from app.settings import Settings

# Requests make few cycles; the default of 700 new objects starts a collection every few requests.
GARBAGE_THRESHOLDS = (10_000, 20, 20)


@dataclass(frozen=True)
class Services:
    """The objects that handlers and jobs work with."""

    settings: Settings
    database: Database
    redis: Redis | None
    authority: Authority
    gate: SessionGate
    draining: Draining


class State(TypedDict):
    """What the server hands to each request's scope."""

    services: Services


@asynccontextmanager
async def running_services(
    settings: Settings, draining: Draining, *, application_name: str = "todo"
) -> AsyncIterator[Services]:
    """Opens everything; nothing connects before its first use, so the process starts without Postgres or Redis."""
    async with AsyncExitStack() as stack:
        database = Database(settings.database, application_name=application_name)
        stack.push_async_callback(database.close)
        if settings.debug:
            database.watch.observers.append(log_statement)
        redis = connect(settings.redis)
        if redis is not None:
            stack.push_async_callback(redis.aclose)
        proofs = authority(settings.security)
        stack.callback(proofs.close)
        yield Services(
            settings=settings,
            database=database,
            redis=redis,
            authority=proofs,
            gate=SessionGate(database.reader, proofs.access_tokens),
            draining=draining,
        )


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[State]:
    """Starlette's lifespan: the services of this worker process."""
    async with running_services(app.state.settings, app.state.draining) as services:
        # What lives as long as the process is never garbage: collections need not walk it at every round.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE_THRESHOLDS)
        yield {"services": services}


def services_of(scope: Scope) -> Services:
    """The services of the process that handles this request."""
    services: Services = scope["state"]["services"]
    return services
