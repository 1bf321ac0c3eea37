"""Keeps blocked clients out, makes suspicious ones wait, and tells the guard what became of every refused request.

Above the limit on concurrency, so that who is blocked takes no place and who waits holds none; above authentication and
routing, so that a blocked client learns nothing of either. Health is for those who run the service.
"""

import asyncio
from collections.abc import Iterator
from math import ceil

from starlette.types import ASGIApp, Receive, Scope, Send

from app.abuse.content import families_of
from app.abuse.guard import Guard
from app.abuse.signals import UNSCORED, Signal, signal_of
from app.api.problems import address_blocked, problem, problem_response
from app.lifespan import services_of
from app.middleware.outgoing import outgoing
from app.telemetry.logging import get_logger

_HEALTH = "/health"
# Of clients that are made to wait at once. More of them are refused: a timer costs little, a crowd of them does not.
_WAITING_MAXIMUM = 100

log = get_logger(__name__)


class AbuseGuard:
    """Asks and tells the guard of the process. A request that nothing speaks against costs two look-ups."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, unless its client is blocked: then the answer is 429, ADDRESS_BLOCKED."""
        if scope["type"] != "http" or scope["path"].startswith(_HEALTH):
            await self.app(scope, receive, send)
            return
        guard = services_of(scope).guard
        if guard is None:
            await self.app(scope, receive, send)
            return
        client_key = scope["state"]["client_key"]
        if client_key in guard.blocklist.until and await self._is_refused(guard, client_key, scope, receive, send):
            return
        if client_key in guard.slowed and await self._is_slowed(guard, client_key, scope, receive, send):
            return
        try:
            await self.app(scope, receive, send)
        finally:
            if "error_code" in scope:
                guard.note_all(_signals(scope), client_key=client_key)

    async def _is_refused(self, guard: Guard, client_key: str, scope: Scope, receive: Receive, send: Send) -> bool:
        seconds = await guard.blocklist.confirmed_seconds_left(client_key)
        if seconds <= 0 or guard.is_exempt(client_key):
            return False
        guard.counts.refused += 1
        await problem_response(scope, address_blocked(seconds))(scope, receive, send)
        return True

    async def _is_slowed(self, guard: Guard, client_key: str, scope: Scope, receive: Receive, send: Send) -> bool:
        """Waits as long as the client has to; True if too many wait already, and this one was refused instead."""
        seconds = guard.delay_seconds(client_key)
        if not seconds:
            return False
        guard.counts.slowed += 1
        if self._waiting >= _WAITING_MAXIMUM:
            detail = "Too many requests of this address were wrong; send the next one later."
            headers = {"Retry-After": str(ceil(seconds))}
            await problem(scope, 429, "ADDRESS_SLOWED", detail, headers=headers)(scope, receive, send)
            return True
        self._waiting += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._waiting -= 1
        return False


def _signals(scope: Scope) -> Iterator[tuple[Signal, str]]:
    """What a refused request says against its client, and what it was about."""
    code, path, status = scope["error_code"], scope["path"], outgoing(scope).status
    if status is None or status >= 500 or code in UNSCORED or _is_forced(scope):
        return
    template = scope.get("route_template")
    is_about_one = bool(scope.get("path_params"))
    signal = signal_of(code, status, is_routed=template is not None, is_about_one=is_about_one, path=path)
    if signal is not None:
        yield signal, path
    looks_like = sorted(families_of(scope))
    if looks_like:
        address = scope["state"]["client_address"]
        log.info("request looks like an attack", looks_like=[*map(str, looks_like)], client_address=address)
    for family in looks_like:
        yield family, ""


def _is_forced(scope: Scope) -> bool:
    """True if a page of another site may have made a browser send this: whoever uses that browser is not to blame.

    Browsers say so themselves, and no page can make them say anything else. What needs a preflight (a token, a JSON
    body) cannot be forced. An attacker who says so escapes the traps, and neither the limits nor the counted logins.
    """
    headers: dict[bytes, bytes] = scope["headers_by_name"]
    if headers.get(b"sec-fetch-site") not in {b"cross-site", b"same-site"}:
        return False
    return b"authorization" not in headers and b"json" not in headers.get(b"content-type", b"")
