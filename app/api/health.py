"""Whether the process lives, and whether it can serve. Never cached by others, never limited, never behind a token."""

import asyncio
import datetime as dt
import time
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from app.api.dependencies import ServicesHere
from app.api.fields import EXAMPLE_MOMENT, described
from app.api.responses import document
from app.api.routing import PublicRoute
from app.database import migrations
from app.database.errors import DatabaseUnavailable
from app.lifespan import Services
from app.rate_limits.declarations import limiter

router = APIRouter(prefix="/health", tags=["health"], route_class=PublicRoute)

CHECK_SECONDS = 2.0
KEEP_SECONDS = 1.0

DatabaseState = Literal["ok", "unavailable", "behind"]
CacheState = Literal["redis", "local", "unavailable"]


_CACHE = (
    "local: no Redis is configured, so nothing is kept between requests and each process counts limits alone;"
    " unavailable: it does not answer, and it is the same until it does."
)


class Health(TypedDict):
    """How the service and what it stands on are doing."""

    status: Annotated[Literal["ok", "degraded", "unavailable", "draining"], described("The sum of it all.", "ok")]
    database: Annotated[DatabaseState, described("behind: the schema is older than this release needs.", "ok")]
    cache: Annotated[CacheState, described(_CACHE, "redis")]
    timestamp: Annotated[dt.datetime, described("When this was looked at.", EXAMPLE_MOMENT)]


class Liveness(TypedDict):
    """That the process answers."""

    status: Annotated[Literal["ok"], described("Always ok.", "ok")]


_CANNOT_SERVE: dict[int | str, dict[str, Any]] = {
    503: {
        "model": Health,
        "description": "Requests cannot be served; `status` and `database` say why.",
        "content": {
            "application/json": {
                "example": {
                    "status": "unavailable",
                    "database": "unavailable",
                    "cache": "redis",
                    "timestamp": EXAMPLE_MOMENT,
                }
            }
        },
    }
}


@dataclass(frozen=True)
class _Findings:
    database: DatabaseState
    cache: CacheState
    looked_at: dt.datetime
    fresh_until: float


class HealthChecks:
    """Looks at the database and at Redis, at most once a second however often it is asked."""

    def __init__(self) -> None:
        self._looking = asyncio.Lock()
        self._latest: _Findings | None = None
        self._outdated: frozenset[str] | None = None

    async def findings(self, services: Services) -> _Findings:
        """What was found within the last second. Takes two seconds at most."""
        async with self._looking:
            if self._latest is None or self._latest.fresh_until < time.monotonic():
                database = await self._database(services)
                fresh_until = time.monotonic() + KEEP_SECONDS
                self._latest = _Findings(database, _cache(services), dt.datetime.now(dt.UTC), fresh_until)
            return self._latest

    async def _database(self, services: Services) -> DatabaseState:
        if self._outdated is None:
            self._outdated = migrations.outdated()
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                current = await migrations.current(services.database.reader)
        except (DatabaseUnavailable, TimeoutError):
            return "unavailable"
        return "behind" if current is None or current in self._outdated else "ok"


def _cache(services: Services) -> CacheState:
    """As the circuit breaker sees it: it looks for a sign of life every second."""
    if services.cache is None:
        return "local"
    return "redis" if services.cache.link.connected is not None else "unavailable"


@router.get("", response_model=Health, responses=_CANNOT_SERVE, summary="Health at a glance")
@limiter.exempt
async def get_health(request: Request, services: ServicesHere) -> Response:
    """Says how the service, its database and its cache are doing. 503 while it cannot serve."""
    return await _answer(request, services)


@router.get("/live", response_model=Liveness, summary="Liveness")
@limiter.exempt
async def get_liveness() -> Response:
    """Answers as long as the process does. Looks at nothing else, so that a broken database restarts nobody."""
    return document({"status": "ok"})


@router.get("/ready", response_model=Health, responses=_CANNOT_SERVE, summary="Readiness")
@limiter.exempt
async def get_readiness(request: Request, services: ServicesHere) -> Response:
    """200 when requests can be served; 503 while draining, without the database, or before it is migrated.

    A missing cache makes the service slower, not unready.
    """
    return await _answer(request, services)


async def _answer(request: Request, services: Services) -> Response:
    checks: HealthChecks = request.app.state.health
    found = await checks.findings(services)
    is_serving = found.database == "ok" and not services.draining.is_set
    status = "ok" if found.cache != "unavailable" else "degraded"
    if services.draining.is_set:
        status = "draining"
    elif not is_serving:
        status = "unavailable"
    body = {"status": status, "database": found.database, "cache": found.cache, "timestamp": found.looked_at}
    return document(body, status=200 if is_serving else 503, headers={} if is_serving else {"Retry-After": "1"})
