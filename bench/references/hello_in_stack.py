"""The bare hello inside all of this service's middleware, log line included: what they cost is the difference."""

from starlette.types import ASGIApp, Receive, Scope, Send

from app.draining import Draining
from app.lifespan import running_services
from app.middleware import stack
from app.middleware.overload import admission_for
from app.settings import load_settings
from app.telemetry.logging import configure
from bench.references import hello_asgi

_settings = load_settings()
configure(_settings)

_stacked: ASGIApp = hello_asgi.app
for layer in reversed(stack(_settings, admission_for(_settings.load))):
    _stacked = layer.cls(_stacked, *layer.args, **layer.kwargs)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The stack, with the services that some of its layers ask."""
    if scope["type"] != "lifespan":
        await _stacked(scope, receive, send)
        return
    await receive()
    async with running_services(_settings, Draining()) as services:
        scope["state"]["services"] = services
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})
