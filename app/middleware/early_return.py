"""Kept answers leave here, before routing, if Redis confirms them; everything else goes on to its route.

Innermost, so that limits, headers, log line and counts are those of every other answer.
"""

from collections.abc import Awaitable

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.answering import early_answer
from app.api.problems import HttpProblem, problem_response
from app.domain.errors import NotFound


class EarlyReturn:
    """Answers what this process holds already. Costs a GET that it cannot answer some 3 µs, and others 0.1."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answers the request, or passes it on, with the caller in its scope if that was confirmed on the way."""
        if scope["type"] == "http" and scope["method"] == "GET" and b"authorization" in scope["headers_by_name"]:
            return self._answer(scope, receive, send)
        return self.app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        response: Response | None
        try:
            response = await early_answer(scope)
        except (NotFound, HttpProblem) as error:
            response = problem_response(scope, error)
        await (self.app if response is None else response)(scope, receive, send)
