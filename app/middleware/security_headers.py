"""What browsers may do with our answers: fixed headers on each of them, and the allow-list of foreign origins.

A route may set any of the fixed headers itself (documentation pages have a policy of their own); then its value stays.
Sources: OWASP Secure Headers, Fetch (CORS).
"""

from collections.abc import Awaitable
from functools import lru_cache

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import problem
from app.middleware.outgoing import outgoing

FIXED_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"strict-transport-security", b"max-age=63072000; includeSubDomains"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),
)

ALLOWED_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
ALLOWED_REQUEST_HEADERS = (
    "Authorization",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Prefer",
    "Traceparent",
    "X-CSRF-Token",
    "X-Request-Id",
)
EXPOSED_HEADERS = (
    "Deprecation",
    "ETag",
    "Link",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Sunset",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-Id",
)


class SecurityHeaders:
    """Adds the fixed headers to every response that does not carry them, whatever layer made it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Passes the request on; the answer gets the headers that it lacks."""
        if scope["type"] == "http":
            outgoing(scope).lacking = _missing
        return self.app(scope, receive, send)


@lru_cache(maxsize=1024)
def _missing(given: tuple[bytes, ...]) -> tuple[tuple[bytes, bytes], ...]:
    """The fixed headers that are not among the `given` names. Few lists of names occur, again and again."""
    return tuple(header for header in FIXED_HEADERS if header[0] not in given)


class CrossOrigin(CORSMiddleware):
    """The allow-list of origins; a preflight request that asks for too much is refused as a problem.

    Origins are compared as whole strings, so `null`, other schemes, other ports and look-alikes are not on the list.
    Cookies are allowed from listed origins, never under the wildcard: in cookie mode they hold the refresh token.
    """

    def __init__(self, app: ASGIApp, *, origins: tuple[str, ...]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=ALLOWED_METHODS,
            allow_headers=ALLOWED_REQUEST_HEADERS,
            expose_headers=EXPOSED_HEADERS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As the framework's, but for the shape of a refusal."""
        headers = Headers(scope=scope) if scope["type"] == "http" and scope["method"] == "OPTIONS" else None
        if headers is None or "origin" not in headers or "access-control-request-method" not in headers:
            await super().__call__(scope, receive, send)
            return
        answer = self.preflight_response(request_headers=headers)
        if answer.status_code == 200 and not self.allow_all_origins:
            answer.headers["Access-Control-Allow-Credentials"] = "true"
        elif answer.status_code != 200:
            answer = problem(
                scope,
                403,
                "CROSS_ORIGIN_REFUSED",
                "The origin, the method or one of the headers is not allowed across origins.",
                headers={"Vary": answer.headers["vary"]},
            )
        await answer(scope, receive, send)

    @staticmethod
    def allow_explicit_origin(headers: MutableHeaders, origin: str) -> None:
        """As the framework's, which calls it for listed origins only; and such a page may send its cookies."""
        CORSMiddleware.allow_explicit_origin(headers, origin)
        headers["Access-Control-Allow-Credentials"] = "true"
