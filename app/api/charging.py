"""Charges requests to limits: what is charged, when the answer is waited for, and how the client is told.

A charge leaves for Redis as soon as the operation is known, together with what confirms the caller, and is waited for
together with that; nothing is read, loaded or done before. A refused request is charged nothing at all, so whoever
waits as long as `Retry-After` says is let in. What a bulk request costs beyond 1 is charged when its items are counted;
if that is refused, the 1 is lost, and `Retry-After` counts it in.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.types import Scope

from app.api.problems import HttpProblem, address_blocked
from app.lifespan import services_of
from app.rate_limits.budgets import ADMITTED, BLOCKED, REFUSED, Charge, Headers, Limit, Payer
from app.rate_limits.limits import Plan

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def per_item(count: Callable[[Any], int]) -> Callable[[Endpoint], Endpoint]:
    """Declares that each item of the decorated handler's body counts as a request; `count` is given the body."""

    def declare(endpoint: Endpoint) -> Endpoint:
        endpoint.count_items = count  # type: ignore[attr-defined]  # read by app.api.routing and app.api.limit_plans
        return endpoint

    return declare


def begin(scope: Scope, plan: Plan, payer: Payer | None) -> None:
    """Charges the request, to its address alone where nobody else pays; `admitted` says what came of it."""
    if plan.is_exempt:
        return
    limits = services_of(scope).limits
    client = scope["state"]["client_key"]
    block_key, items = limits.items(plan, client, payer)
    if plan.has_declared and plan.endpoint is not None:
        scope["payer"] = client if payer is None else payer.user_id
        items += limits.declared(plan.endpoint, Request(scope))
    scope["charge"] = charge = Charge(block_key, items)
    limits.charge(charge)


async def admitted(scope: Scope) -> None:
    """Returns if the request may go on; its answer will say what is left. Raises the 429 problem."""
    charge: Charge | None = scope.get("charge")
    if charge is None:
        return
    if charge.verdict is None:
        await charge.wait()
    if not charge.is_told:
        charge.is_told = True
        if charge.limit is not None:
            scope["outgoing"].limits = _headers(charge.limit, charge)
        if charge.verdict == BLOCKED:
            services_of(scope).limits.blocked += 1
    if charge.verdict != ADMITTED:
        raise _refusal(charge)


async def overruled(scope: Scope, error: Exception) -> Exception:
    """What the client is told instead of `error`: that a limit is used up, where that was not waited for before it.

    So whoever guesses tokens, for example, hears of nothing else before long.
    """
    try:
        await admitted(scope)
    except HttpProblem as refusal:
        return refusal
    return error


async def charge_items(scope: Scope, count: int) -> None:
    """Charges the other items of a bulk request, the first of which is paid for, to the caller, who is known by now.

    Each counts for the user, the token and the class of bulk requests; to the address all are one. One round trip.
    Raises the 429 problem.
    """
    if count < 2:
        return
    limits = services_of(scope).limits
    plan = limits.plans[scope["method"], scope["route_template"]]
    block_key, items = limits.items(plan, scope["state"]["client_key"], scope["known"].payer)
    others = tuple([(limit, key, count - 1) for limit, key, _ in items if limit.counts_items])
    scope["charge"] = charge = Charge(block_key, others)
    limits.charge(charge)
    await charge.wait()
    if charge.verdict == REFUSED and charge.limit is not None:
        charge.wait_us += charge.limit.rate.emission_us  # Whoever comes again pays for the first item again.
    await admitted(scope)


def _headers(limit: Limit, charge: Charge) -> Headers:
    """Of the IETF's draft on rate limit fields, and what older clients read."""
    remaining, seconds = b"%d" % charge.remaining, b"%d" % charge.wait_seconds
    return (
        *limit.headers,
        (b"ratelimit", b"%s;r=%s;t=%s" % (limit.quoted_name, remaining, seconds)),
        (b"x-ratelimit-remaining", remaining),
        (b"x-ratelimit-reset", seconds),
    )


def _refusal(charge: Charge) -> HttpProblem:
    seconds = max(charge.wait_seconds, 1)
    headers = {"Retry-After": str(seconds)}
    limit = charge.limit
    if limit is None:
        return address_blocked(seconds)
    rate = limit.rate
    detail = limit.message or f"The limit {limit.name!r} is {rate.amount} in {rate.window_seconds} seconds."
    return HttpProblem(429, "RATE_LIMITED", f"{detail} Try again in {seconds} seconds.", headers=headers)
