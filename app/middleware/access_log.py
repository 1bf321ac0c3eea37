"""One line for each request, written when its answer is out.

Knows the route's template, never the path that matched it nor the query: ids and search texts stay out of the log. Only
where no route matched is there a path, and it is redacted. Refuses to know bodies, credentials and header values.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache, partial
from time import perf_counter_ns
from typing import Literal
from uuid import UUID

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from app.middleware.outgoing import outgoing
from app.telemetry.logging import line_writer
from app.telemetry.redaction import redact_text

_HEALTH = "/health"
_MAX_PATH_CHARACTERS = 200


class Line(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """What is known of one finished request; names as in every other log line."""

    timestamp: datetime
    level: Literal["debug", "info"]
    logger: str
    event: str
    method: str
    # The template of the route that answered; of the path itself only where there is none.
    route: str | None = None
    path: str | None = None
    # None if the connection broke off before an answer began.
    status: int | None
    duration_ms: float
    # Of the response body as it went out.
    bytes: int
    request_id: str | None = None
    trace_id: str | None = None
    caller_id: str | None = None
    client_address: str | None = None
    error_code: str | None = None


class LineOfKey(Line, kw_only=True, gc=False):
    """One request of a caller with an API key. A line of its own, since one more member costs all others 0.6 µs."""

    # Which key it was; it is no secret.
    api_key_id: UUID


_encode = msgspec.json.Encoder().encode


def as_json(line: Line) -> bytes:
    """`line` as one JSON object and a line end."""
    return _encode(line) + b"\n"


def as_console(line: Line) -> bytes:
    """`line` for human eyes."""
    text = (
        f"{line.timestamp:%Y-%m-%dT%H:%M:%S.%fZ} [{line.level:<9}] {line.method} {line.route or line.path}"
        f" {line.status or 'broken off'} {line.duration_ms:.1f} ms {line.error_code or ''}"
    )
    return f"{text.rstrip()}\n".encode()


class AccessLog:
    """Measures and logs every request; those for health only where `is_debug`."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        render: Callable[[Line], bytes] = as_json,
        is_debug: bool = False,
        write: Callable[[bytes], object] | None = None,
    ) -> None:
        self.app = app
        self._render = render
        self._is_debug = is_debug
        # Asked for here, and not where the list of layers is made, since the framework builds them at start-up:
        # by then logging is configured.
        self._write = write or line_writer()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Writes one line when the answer is out, or when it has broken off."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_health = scope["path"].startswith(_HEALTH)
        if is_health and not self._is_debug:
            await self.app(scope, receive, send)
            return
        method = scope["method"]
        started_ns = perf_counter_ns()
        try:
            await self.app(scope, receive, send)
        finally:
            duration_us = (perf_counter_ns() - started_ns) // 1000
            state = scope.get("state", {})
            route = scope.get("route_template")
            answer = outgoing(scope)
            make = partial(LineOfKey, api_key_id=state["token_id"]) if "token_id" in state else Line
            line = make(
                timestamp=datetime.now(UTC),
                level="debug" if is_health else "info",
                logger="app.access",
                event="request",
                method=method,
                route=route,
                path=_unmatched(scope["path"]) if route is None else None,
                status=answer.status,
                duration_ms=duration_us / 1000,
                bytes=answer.sent_bytes,
                request_id=state.get("request_id"),
                trace_id=state.get("trace_id"),
                caller_id=scope.get("caller_id"),
                client_address=state.get("client_address"),
                error_code=scope.get("error_code"),
            )
            self._write(self._render(line))


@lru_cache(maxsize=256)
def _unmatched(path: str) -> str:
    """A path that no route took, fit to be written: somebody may have put a token or an address into it."""
    return redact_text(path[:_MAX_PATH_CHARACTERS]).encode(errors="replace").decode()
