"""The last resort: an error that nobody below has turned into an answer becomes one here, and a bug is logged.

Cancellation is not an error and passes. Once an answer has begun there is nothing to mend: the error goes on to the
server, which logs it and closes the connection, so that no client takes half an answer for a whole one.
"""

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import problem_response
from app.middleware.outgoing import outgoing
from app.telemetry.logging import get_logger

_log = get_logger(__name__)


class UnhandledErrors:
    """Answers what the layers and routes below raise, as a problem with the request id."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on and answers for it if need be. Raises what strikes after an answer has begun."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            # Nobody is left to answer. The access log shows a request without a status.
            _log.info("client_disconnected", method=scope["method"], route=scope.get("route_template"))
        except Exception as error:
            if outgoing(scope).status is not None:
                raise
            response = problem_response(scope, error)
            if response.status_code == 500:
                _log.exception("unhandled_error", method=scope["method"], route=scope.get("route_template"))
            await response(scope, receive, send)
