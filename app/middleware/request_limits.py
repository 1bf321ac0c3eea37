"""What one request may cost: the bytes of its body, and the seconds until its answer is complete.

A long answer that says so (`Outgoing.ends_by`) may go on beyond these, for as long as its client takes some of it in
each such time.

Too large is 413, a body that does not arrive in time is 408, an answer that is not ready in time is 504. Nothing is
buffered. A write that runs into the time limit is cancelled and so rolled back, unless its COMMIT was already sent.
"""

import asyncio
from collections.abc import Awaitable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import problem
from app.middleware.outgoing import Outgoing, outgoing
from app.telemetry.logging import get_logger

_log = get_logger(__name__)

# Where a head that announces no body is the whole request. Other versions frame bodies without saying so in the head.
_ANNOUNCED_BODIES = frozenset({"1.0", "1.1"})
# The rest of such a body stays unread, so the connection cannot be used for another request.
_CLOSE = {"Connection": "close"}


class ResponseTooSlow(Exception):
    """The time limit struck in the middle of a response. The connection has to be closed."""


class BodyTooLarge(Exception):
    """The body has grown over the limit while it was read."""


class RequestLimits:
    """Bounds the body and the time of each request."""

    def __init__(self, app: ASGIApp, *, body_limit_bytes: int, timeout_seconds: float) -> None:
        self.app = app
        self._body_limit_bytes = body_limit_bytes
        self._timeout_seconds = timeout_seconds
        self._deadlines = _Deadlines(timeout_seconds)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Passes the request on within its limits. Raises ResponseTooSlow if the time is up in mid-answer."""
        if scope["type"] != "http":
            return self.app(scope, receive, send)
        headers = scope["headers_by_name"]
        length = headers.get(b"content-length")
        if length is not None and self._is_too_much(length):
            return self._body_too_large(scope)(scope, receive, send)
        has_body = (
            length is not None or b"transfer-encoding" in headers or scope.get("http_version") not in _ANNOUNCED_BODIES
        )
        return self._run(scope, receive, send, has_body=has_body)

    async def _run(self, scope: Scope, receive: Receive, send: Send, *, has_body: bool) -> None:
        loop = asyncio.get_running_loop()
        exchange = _Exchange(receive, send, outgoing(scope), self._body_limit_bytes, _current_task(loop))
        self._deadlines.add(exchange, loop)
        try:
            if has_body:
                await self.app(scope, exchange.receive, exchange.send)
            else:
                await self.app(scope, receive, send)
        except (asyncio.CancelledError, Exception) as error:
            if not exchange.has_caused(error):
                raise
            if exchange.has_begun:
                raise ResponseTooSlow from error
            if not isinstance(error, asyncio.CancelledError | BodyTooLarge):
                # Of undoing what was cancelled, for example. It does not change the answer, but somebody should know.
                _log.warning("error_beyond_limit", route=scope.get("route_template"), exc_info=True)
        else:
            exchange.settle()
        finally:
            self._deadlines.remove(exchange)
        if exchange.is_too_large and not exchange.has_begun:
            await self._body_too_large(scope)(scope, receive, send)
        elif exchange.is_expired and not exchange.has_begun:
            await self._too_slow(scope, is_receiving=exchange.is_receiving)(scope, receive, send)

    def _is_too_much(self, length: bytes) -> bool:
        # Servers refuse a length that is not a number; if one came through, the bytes would still be counted. One of
        # more digits than 18 is not worth reading, and int() refuses more than 4,300.
        return length.isdigit() and (len(length) > 18 or int(length) > self._body_limit_bytes)

    def _body_too_large(self, scope: Scope) -> Response:
        detail = f"The body is larger than {self._body_limit_bytes} bytes."
        return problem(scope, 413, "BODY_TOO_LARGE", detail, headers=_CLOSE)

    def _too_slow(self, scope: Scope, *, is_receiving: bool) -> Response:
        if is_receiving:
            detail = f"The body did not arrive within {self._timeout_seconds:g} seconds."
            return problem(scope, 408, "BODY_TOO_SLOW", detail, headers=_CLOSE)
        detail = f"The answer was not ready within {self._timeout_seconds:g} seconds."
        return problem(scope, 504, "REQUEST_TIMEOUT", detail)


class _Deadlines:
    """Expires exchanges in the order in which they began: each has the same time, so the oldest is the next one due.

    One timer serves all of them. One for each would cost more than the rest of this layer: 2.0 µs against 0.5 for a
    place in this queue (Python 3.11, uvloop, November 2026); asyncio.timeout costs 4.3.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due: dict[_Exchange, float] = {}
        # The loop on which the timer runs; None while there is no timer.
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, exchange: "_Exchange", loop: asyncio.AbstractEventLoop) -> None:
        """Starts the time of `exchange`, which runs on `loop`."""
        if self._loop is not loop:
            # The first exchange for a while, or on another loop: those of a loop that is gone are gone with it.
            self._due.clear()
            self._loop = loop
            loop.call_later(self._seconds, self._expire, loop)
        self._due[exchange] = loop.time() + self._seconds

    def remove(self, exchange: "_Exchange") -> None:
        """Stops the time of `exchange`, if it has not run out."""
        self._due.pop(exchange, None)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not loop:
            return
        now = loop.time()
        while self._due:
            exchange, due = next(iter(self._due.items()))
            if due > now:
                loop.call_at(due, self._expire, loop)
                return
            del self._due[exchange]
            if exchange.goes_on(now):
                self._due[exchange] = now + self._seconds  # Nobody is due later, so the order stays.
            else:
                exchange.expire()
        self._loop = None


class _Exchange:
    """One request and its answer under way, and what has become of its limits."""

    is_receiving = False
    is_too_large = False
    is_expired = False
    _is_body_complete = False
    _received_bytes = 0
    _sent_bytes = 0

    def __init__(
        self, receive: Receive, send: Send, answer: Outgoing, body_limit_bytes: int, task: asyncio.Task[object], /
    ) -> None:
        self._task = task
        self._cancellations = task.cancelling()
        self._receive = receive
        self._send = send
        self._answer = answer
        self._body_limit_bytes = body_limit_bytes

    @property
    def has_begun(self) -> bool:
        """True once the answer is on its way."""
        return self._answer.status is not None

    async def receive(self) -> Message:
        """The next message. Raises BodyTooLarge once there is more body than allowed."""
        self.is_receiving = not self._is_body_complete
        message = await self._receive()
        self.is_receiving = False
        if message["type"] == "http.request":
            self._received_bytes += len(message.get("body", b""))
            if self._received_bytes > self._body_limit_bytes:
                self.is_too_large = True
                raise BodyTooLarge
            self._is_body_complete = not message.get("more_body", False)
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Passes `message` on, unless it belongs to an answer that somebody made of BodyTooLarge."""
        if self.is_too_large and not self.has_begun:
            return _nothing()
        return self._send(message)

    def goes_on(self, now: float) -> bool:
        """True for a long answer of which the client has taken something since it was last asked about."""
        answer = self._answer
        if answer.ends_by is None or now >= answer.ends_by or answer.sent_bytes == self._sent_bytes:
            return False
        self._sent_bytes = answer.sent_bytes
        return True

    def expire(self) -> None:
        """The time is up."""
        self.is_expired = True
        self._task.cancel()

    def has_caused(self, error: BaseException) -> bool:
        """True if `error` came out because a limit was broken, and not for a reason of its own."""
        is_only_ours = self.settle()
        if isinstance(error, asyncio.CancelledError):
            return is_only_ours
        return self.is_expired or (self.is_too_large and not self.has_begun)

    def settle(self) -> bool:
        """Takes our cancellation back, if there was one; True if there was, and nobody else has cancelled as well.

        The rules of asyncio.timeout: a shutdown may cancel at the same moment, and then it is obeyed.
        """
        return self.is_expired and self._task.uncancel() <= self._cancellations


def _current_task(loop: asyncio.AbstractEventLoop) -> asyncio.Task[object]:
    task = asyncio.current_task(loop)
    if task is None:
        raise RuntimeError("a request is handled in a task")
    return task


async def _nothing() -> None:
    return None
