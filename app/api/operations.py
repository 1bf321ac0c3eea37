"""What operators ask of a running process. For administrators; every figure is of the one process that answers."""

import os
from dataclasses import asdict
from typing import Annotated, Literal, cast

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from app.admission import Admission
from app.api.dependencies import ServicesHere
from app.api.fields import described
from app.api.responses import document
from app.api.routing import ApiRoute
from app.cache.layer import Cache
from app.lifespan import Services
from app.rate_limits.limits import RateLimits

router = APIRouter(prefix="/api/middleware", tags=["operations"], route_class=ApiRoute)


class KindStats(TypedDict):
    """What became of the looks for one kind of value, since the process started."""

    process_hits: Annotated[int, described("Served from this process, confirmed by Redis.", 5210)]
    redis_hits: Annotated[int, described("Served from Redis, where another process had put it.", 310)]
    misses: Annotated[int, described("Loaded, because there was nothing, or nothing that was still true.", 87)]
    bypassed: Annotated[int, described("Not looked up: the client said no-cache or wanted another form.", 4)]
    stale: Annotated[int, described("Found and refused, because a tag had been touched or the time was up.", 41)]
    fills: Annotated[int, described("Kept after loading.", 87)]
    negative_hits: Annotated[int, described("Kept refusals of what does not exist, served again.", 2)]
    shared_loads: Annotated[int, described("Waited for a load that was under way for somebody else.", 12)]
    early_refreshes: Annotated[int, described("Loaded anew shortly before the time was up.", 3)]


class CacheStats(TypedDict):
    """The cache of one process, and its way to Redis."""

    state: Annotated[
        Literal["closed", "half_open", "open"],
        described("Of the circuit breaker: closed is in use, half_open is trying.", "closed"),
    ]
    times_opened: Annotated[int, described("How often Redis was lost.", 0)]
    entries: Annotated[int, described("Values in this process.", 412)]
    used_bytes: Annotated[int, described("What they take, as far as that is counted.", 3_145_728)]
    evicted: Annotated[int, described("Dropped for want of room.", 0)]
    kinds: Annotated[dict[str, KindStats], described("By kind of value.", {})]
    touches: Annotated[dict[str, int], described("Tags that writes of this process touched, by family.", {"todos": 9})]
    lost_touches: Annotated[int, described("Writes whose tags Redis could not be told of at once.", 0)]
    repeated_touches: Annotated[int, described("Tags that were touched again for a process that could not.", 0)]


class LaneStats(TypedDict):
    """One class of requests: those with a place, those that wait for one, and what became of the others."""

    in_progress: Annotated[int, described("With a place now.", 3)]
    waiting: Annotated[int, described("In the queue now.", 0)]
    admitted: Annotated[int, described("Let in since the process started.", 5312)]
    refused: Annotated[int, described("Answered with 503, OVERLOADED.", 0)]


class LoadStats(TypedDict):
    """How much one process has taken on."""

    limit: Annotated[int, described("Places now: MAX_CONCURRENT, or fewer while answers are slow.", 100)]
    in_progress: Annotated[int, described("Places taken.", 3)]
    waiting: Annotated[int, described("Requests in the queue.", 0)]
    lanes: Annotated[dict[str, LaneStats], described("By class, the most important first.", {})]


class LimitStats(TypedDict):
    """One limit, for all who meet it together."""

    limit: Annotated[int, described("What it lets through now, in each window.", 300)]
    window_seconds: Annotated[int, described("The window.", 60)]
    admitted: Annotated[int, described("Requests that were charged to it.", 5210)]
    refused: Annotated[int, described("Requests that it refused.", 3)]
    least_remaining: Annotated[
        int | None,
        described("The least that a request has left of it in the last minutes, as far as its answer says.", 120),
    ]


class RateLimitStats(TypedDict):
    """What one process let through and refused."""

    is_shared: Annotated[bool, described("All processes count together, in Redis.", True)]
    scale: Annotated[float, described("What all limits are multiplied with, for the load of this process.", 1.0)]
    local_decisions: Annotated[int, described("Requests that this process decided on alone.", 0)]
    local_budgets: Annotated[int, described("Budgets that it keeps for that.", 0)]
    blocked: Annotated[int, described("Requests that were refused since their address is blocked.", 0)]
    limits: Annotated[dict[str, LimitStats], described("By name.", {})]


class ThreatStats(TypedDict):
    """What one process took for attacks, and what it did."""

    signals: Annotated[dict[str, int], described("What spoke against clients, by kind.", {"failed_login": 12})]
    dropped_signals: Annotated[int, described("Counted and not scored, for there were too many at once.", 0)]
    slowed: Annotated[int, described("Requests that were made to wait.", 0)]
    refused: Annotated[int, described("Requests of blocked addresses: 429, ADDRESS_BLOCKED.", 40)]
    throttled_logins: Annotated[int, described("Logins that were refused unseen: 429, LOGIN_THROTTLED.", 3)]
    attacked_logins: Annotated[int, described("Logins to accounts that many had tried before.", 0)]
    blocks: Annotated[int, described("Addresses that this process has blocked.", 1)]
    shadow_blocks: Annotated[int, described("Addresses that it would have blocked (THREAT_SHADOW_MODE).", 0)]
    blocked_now: Annotated[int, described("Addresses that are blocked now, whoever did it.", 1)]


class MiddlewareStats(TypedDict):
    """The counts of one process."""

    process_id: Annotated[int, described("Of the process that answers; others have counts of their own.", 4711)]
    cache: Annotated[CacheStats | None, described("null where no Redis is configured.", None)]
    load: Annotated[LoadStats, described("What is in progress, what waits and what was refused.", None)]
    rate_limits: Annotated[RateLimitStats, described("Who asked for too much.", None)]
    threat: Annotated[ThreatStats | None, described("null with ENABLE_ENHANCED_SECURITY=false.", None)]


@router.get("/stats", response_model=MiddlewareStats, summary="Show what the layers did")
async def get_middleware_stats(request: Request, services: ServicesHere) -> Response:
    """Shows what the cache did, what is in progress, who asked for too much, and what was taken for an attack.

    For administrators; 403 for others.
    """
    cache = None if services.cache is None else _cache_stats(services.cache)
    admission: Admission = request.app.state.admission
    load = cast("LoadStats", asdict(admission.snapshot()))
    limits = _limit_stats(services.limits)
    threat = _threat_stats(services)
    return document(MiddlewareStats(process_id=os.getpid(), cache=cache, load=load, rate_limits=limits, threat=threat))


def _limit_stats(limits: RateLimits) -> RateLimitStats:
    return RateLimitStats(
        is_shared=limits.is_shared,
        scale=round(limits.scale, 2),
        local_decisions=limits.local.decisions,
        local_budgets=len(limits.local),
        blocked=limits.blocked,
        limits={
            name: LimitStats(
                limit=limit.rate.amount,
                window_seconds=limit.rate.window_seconds,
                admitted=limit.admitted,
                refused=limit.refused,
                least_remaining=limit.least_of_late,
            )
            for name, limit in limits.all.items()
        },
    )


def _threat_stats(services: Services) -> ThreatStats | None:
    guard = services.guard
    if guard is None:
        return None
    return cast("ThreatStats", {**asdict(guard.counts), "blocked_now": len(guard.blocklist.until)})


def _cache_stats(cache: Cache) -> CacheStats:
    counts = cache.counts
    return CacheStats(
        state=cache.link.state,
        times_opened=cache.link.times_opened,
        entries=len(cache.bodies),
        used_bytes=cache.bodies.used_bytes,
        evicted=cache.bodies.evicted,
        kinds={name: cast("KindStats", asdict(kind)) for name, kind in counts.kinds.items()},
        touches=dict(counts.touches),
        lost_touches=counts.lost_touches,
        repeated_touches=counts.repeated_touches,
    )
