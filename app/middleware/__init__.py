"""The layers around every request, listed once, outermost first; each line says why it stands where it stands.

Pure ASGI, HTTP only: WebSocket and lifespan pass through. A layer that only adds to an answer is a plain function that
returns the next layer's awaitable, so that the event loop has no frame of its to climb through.
"""

from starlette.middleware import Middleware

from app.admission import Admission
from app.middleware.access_log import AccessLog, as_console, as_json
from app.middleware.compression import Compression
from app.middleware.deprecation import Deprecation
from app.middleware.early_return import EarlyReturn
from app.middleware.head import Head
from app.middleware.overload import Overload
from app.middleware.request_context import RequestContext
from app.middleware.request_limits import RequestLimits
from app.middleware.security_headers import CrossOrigin, SecurityHeaders
from app.middleware.unhandled_errors import UnhandledErrors
from app.setting_groups import HttpSettings, LogSettings, ThreatSettings
from app.settings import Settings

MIGRATION_PAGE = "/docs/migrate-v1-v2"


def stack(settings: Settings, admission: Admission) -> list[Middleware]:
    """The layers that these settings ask for, as the application takes them."""
    http = settings.http
    return [
        # First, since every layer below logs or answers under its numbers.
        Middleware(RequestContext, trusted_networks=http.trusted_networks),
        # Sees the status that the client gets, and the time that all layers below took.
        *_access_log(settings.log),
        # Above all that can answer: no response leaves without them.
        Middleware(SecurityHeaders),
        # Above the errors: a page of an allowed origin may read refusals as well.
        *_cross_origin(http),
        # Above the errors: version 1 is deprecated in its refusals as well.
        Middleware(
            Deprecation,
            deprecated_at=http.v1_deprecated_at,
            sunset_at=http.v1_sunset_at,
            policy_url=http.base_url + MIGRATION_PAGE,
        ),
        # Above what holds a place: who is blocked takes none, and who has to wait holds none.
        *_abuse_guard(settings.threat),
        # Above all that costs something, so that a refusal is cheap; below what completes and logs answers.
        Middleware(Overload, admission=admission),
        # Turns whatever fails below into an answer, which the layers above complete.
        Middleware(UnhandledErrors),
        # Above everything that reads a body or waits.
        Middleware(RequestLimits, body_limit_bytes=http.body_limit_bytes, timeout_seconds=http.request_timeout_seconds),
        # Above all that makes answers: they must not notice a HEAD.
        Middleware(Head),
        # Below Head, so that a HEAD says what a GET says; above what answers from memory, which keeps plain bodies.
        Middleware(
            Compression,
            minimum_bytes=settings.load.compression_minimum_bytes,
            level=settings.load.compression_level,
            offers_brotli=settings.load.offers_brotli,
        ),
        # Last: what is kept leaves before routing, and only after all that every request must pass.
        Middleware(EarlyReturn),
    ]


def _access_log(log: LogSettings) -> list[Middleware]:
    if log.level not in {"debug", "info"}:
        return []
    render = as_console if log.format == "console" else as_json
    return [Middleware(AccessLog, render=render, is_debug=log.level == "debug")]


def _abuse_guard(threat: ThreatSettings) -> list[Middleware]:
    if not threat.is_enabled:
        return []
    from app.middleware.abuse import AbuseGuard  # noqa: PLC0415 - not even imported where it is switched off

    return [Middleware(AbuseGuard)]


def _cross_origin(http: HttpSettings) -> list[Middleware]:
    return [Middleware(CrossOrigin, origins=tuple(http.cors_origins))] if http.cors_origins else []
