"""The application, put together. Reads as a table of contents; each line's knowledge lives elsewhere."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from app.api import documentation, entry, health, methods, operations, v1, v2
from app.api.application import Application
from app.api.csrf import CsrfGuard
from app.api.cursors import CursorCodec
from app.api.health import HealthChecks
from app.api.limit_plans import plans_of
from app.api.links import VERSION_1, VERSION_2
from app.api.refusals import answer
from app.api.routing import EXPECTED_ERRORS
from app.draining import Draining
from app.keys import keys_for
from app.lifespan import lifespan
from app.middleware import stack
from app.middleware.overload import admission_for
from app.rate_limits.limits import RateLimits
from app.rate_limits.pressure import Pressure
from app.server import GracefulStop
from app.settings import Settings, load_settings
from app.telemetry import logging


def create_app(settings: Settings, draining: Draining | None = None) -> Application:
    """The service for these settings; it connects to nothing before its lifespan begins."""
    admission = admission_for(settings.load)
    app = Application(
        title="Todo service",
        lifespan=lifespan,
        layers=stack(settings, admission),
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # Else variables named OTEL_* switch it on.
        openapi_url=None,  # One document for each version, in app.api.documentation.
    )
    app.state.settings = settings
    app.state.admission = admission
    app.state.limits = RateLimits(
        settings.rate_limits,
        pressure=Pressure(admission, floor=settings.rate_limits.floor),
        honours_blocks=settings.threat.is_enabled,
    )
    app.state.draining = draining or Draining()
    app.state.cursors = CursorCodec(keys_for(settings.security, "page cursors"))
    app.state.csrf = CsrfGuard(settings)
    app.state.health = HealthChecks()
    app.state.openapi_documents = documentation.OpenApiDocuments()

    app.include_router(health.router)
    app.include_router(entry.router)
    app.include_router(operations.router)
    app.include_router(v2.router, prefix=VERSION_2)
    app.include_router(v1.router, prefix=VERSION_1)
    app.include_router(documentation.router)
    app.state.limits.plans = plans_of(app.routes, app.state.limits)

    for error in EXPECTED_ERRORS:
        app.add_exception_handler(error, answer)
    app.add_exception_handler(HTTPException, methods.answer_unrouted)
    return app


def app_from_environment() -> ASGIApp:
    """The application of one server process, configured by the environment. Raises SettingsError."""
    settings = load_settings()
    logging.configure(settings)
    draining = Draining()
    app = create_app(settings, draining)
    return GracefulStop(app, draining=draining, drain_seconds=settings.http.drain_seconds)
