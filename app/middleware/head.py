"""HEAD wherever there is GET: the same route and the same headers, Content-Length included, and no body.

Source: RFC 9110 §9.3.2. Routes, and what they list in `Allow`, need to know nothing of it.
"""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Head:
    """Lets the route for GET answer HEAD; layers and routes below see a GET."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Passes the request on, a HEAD as a GET."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            return self.app(scope, receive, send)
        return self._without_body(scope, receive, send)

    async def _without_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_head(message: Message) -> None:
            # What follows the head is dropped. The answer is complete at once, so that a stream need not end first:
            # its route is told, as ever, that the client has gone.
            if message["type"] == "http.response.start":
                # The server reads the method from this same scope to decide whether a body belongs to the answer.
                scope["method"] = "HEAD"
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        # Changed in place: a copy of the scope would hide the matched route and the caller from the access log.
        scope["method"] = "GET"
        try:
            await self.app(scope, receive, send_head)
        finally:
            scope["method"] = "HEAD"
