"""The bare hello inside all of this service's middleware, log line included: what they cost is the difference."""

from starlette.types import ASGIApp

from app.middleware import stack
from app.middleware.overload import admission_for
from app.settings import load_settings
from app.telemetry.logging import configure
from bench.references import hello_asgi

_settings = load_settings()
configure(_settings)

app: ASGIApp = hello_asgi.app
for layer in reversed(stack(_settings, admission_for(_settings.load))):
    app = layer.cls(app, *layer.args, **layer.kwargs)
