"""FastAPI's declarations, router and documents, without the layers that it puts around every request.

Errors, limits and logs are the business of the layers that it is given; FastAPI's own (an error page, a body limit,
telemetry, exception handlers, an exit stack) would cost another 1.9 µs a request (Python 3.11, November 2026).
"""

from collections.abc import Awaitable, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.dispatch import Dispatcher


class Application(FastAPI):
    """`layers`, outermost first, around the dispatcher; FastAPI's router takes what the dispatcher does not find."""

    def __init__(self, *, layers: Sequence[Middleware], **options: Any) -> None:
        super().__init__(**options)
        self._layers = layers

    def build_middleware_stack(self) -> ASGIApp:
        """Everything around the routes; called by the framework when the lifespan begins.

        FastAPI's router needs two of FastAPI's layers; the page for a bug is not one of them.
        """
        router = ExceptionMiddleware(AsyncExitStackMiddleware(self.router), handlers=self.exception_handlers)
        app: ASGIApp = Dispatcher(router, self.routes)
        for layer in reversed(self._layers):
            app = layer.cls(app, *layer.args, **layer.kwargs)
        return app

    def __call__(  # type: ignore[override]  # who calls an ASGI application awaits what it returns
        self, scope: Scope, receive: Receive, send: Send
    ) -> Awaitable[None]:
        """Runs the lifespan or one request."""
        if self.middleware_stack is None or scope["type"] == "lifespan":
            return super().__call__(scope, receive, send)
        scope["app"] = self
        return self.middleware_stack(scope, receive, send)
