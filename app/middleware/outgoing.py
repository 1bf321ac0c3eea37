"""What goes out for one request: one pass over the messages of its answer, for all layers together.

The outermost layer puts it into `scope["outgoing"]`. The others say there what they want on the head of the answer and
read what has become of it, instead of wrapping `send` one after the other: each wrapper costs 0.3 µs, and 0.7 if it
rebuilds the headers (Python 3.11, November 2026).
"""

from collections.abc import Awaitable, Callable

from starlette.types import Message, Scope, Send

Header = tuple[bytes, bytes]


def _no_headers(_given: tuple[bytes, ...]) -> tuple[Header, ...]:
    return ()


class Outgoing:
    """The answer to one request, on its way. Layers below the outermost one send through `send`."""

    __slots__ = ("_has_trailers", "_send", "ends_by", "headers", "lacking", "limits", "sent_bytes", "status")

    def __init__(self, send: Send, *headers: Header) -> None:
        self._send = send
        self._has_trailers = False
        # None until the answer has begun. From then on nobody can answer anything else.
        self.status: int | None = None
        # Of the body, as it leaves the outermost layer.
        self.sent_bytes = 0
        # The time of the loop until which an answer may go on that is made as its client takes it; None: as any other.
        self.ends_by: float | None = None
        # Go on the head of the answer besides its own.
        self.headers: list[Header] = [*headers]
        # What is left of the limits that the request was charged to.
        self.limits: tuple[Header, ...] = ()
        # Given the names on the head, the headers that it lacks.
        self.lacking: Callable[[tuple[bytes, ...]], tuple[Header, ...]] = _no_headers

    def send(self, message: Message) -> Awaitable[None]:
        """Passes `message` on; a head as a copy with what the layers want on it."""
        kind = message["type"]
        if kind == "http.response.body":
            self.sent_bytes += len(message.get("body", b""))
            if not (message.get("more_body", False) or self._has_trailers):
                # The scope leads here, and the server's `send` back to the scope: left so, every request would wait
                # for the garbage collector.
                send, self._send = self._send, _refuse_more
                return send(message)
        elif kind == "http.response.start":
            self.status = message["status"]
            self._has_trailers = message.get("trailers", False)
            given = message.get("headers", ())
            # A list, since a generator costs twice as much for so few names.
            names = tuple([name for name, _ in given])
            message = {**message, "headers": [*given, *self.lacking(names), *self.headers, *self.limits]}
        return self._send(message)


async def _refuse_more(message: Message) -> None:
    raise RuntimeError(f"{message['type']} was sent after the end of the answer")


def outgoing(scope: Scope) -> Outgoing:
    """The answer to the request of this scope."""
    found: Outgoing = scope["outgoing"]
    return found
