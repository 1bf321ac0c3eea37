"""The usual four: timing, request ids, security headers, a log line."""

import logging
import time
import uuid

from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

logger = logging.getLogger("before")


class TimingMiddleware(BaseHTTPMiddleware):
    """Tells how long the request took."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Adds X-Process-Time."""
        started = time.perf_counter()
        response = await call_next(request)
        response.headers["X-Process-Time"] = f"{time.perf_counter() - started:.6f}"
        return response


class RequestIdMiddleware(BaseHTTPMiddleware):
    """Names the request."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Takes X-Request-Id over, or makes one."""
        request.state.request_id = request.headers.get("X-Request-Id") or str(uuid.uuid4())
        response = await call_next(request)
        response.headers["X-Request-Id"] = request.state.request_id
        return response


class SecurityHeadersMiddleware(BaseHTTPMiddleware):
    """Adds the headers that a scanner asks for."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Adds five headers."""
        response = await call_next(request)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
        response.headers["Content-Security-Policy"] = "default-src 'none'"
        return response


class LoggingMiddleware(BaseHTTPMiddleware):
    """Writes one line for each request."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Logs method, path, status and duration."""
        started = time.perf_counter()
        response = await call_next(request)
        logger.info(
            "%s %s %s %.1f ms %s",
            request.method,
            request.url.path,
            response.status_code,
            (time.perf_counter() - started) * 1000,
            getattr(request.state, "request_id", "-"),
        )
        return response
