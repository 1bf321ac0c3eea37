"""Ways to send a request through a few layers: as a client would, and message by message."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.middleware.outgoing import Outgoing

Headers = Iterable[tuple[bytes, bytes]]


@dataclass
class Answer:
    """What an application sent, message by message."""

    scope: Scope
    messages: list[Message] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.messages[1:])


async def _never() -> Message:
    raise AssertionError("nobody should have read this")


async def _exchange(
    app: ASGIApp,
    path: str = "/",
    *,
    method: str = "GET",
    headers: Headers = (),
    receive: Callable[[], Awaitable[Message]] = _never,
    **more: Any,
) -> Answer:
    answer = Answer(
        {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": list(headers),
            "client": ("203.0.113.9", 5000),
            "state": {},
            **more,
        }
    )

    async def send(message: Message) -> None:
        answer.messages.append(message)

    await within(app)(answer.scope, receive, send)
    return answer


def within(app: ASGIApp) -> ASGIApp:
    """`app` as below the outermost layer: with what all others rely on."""

    async def outermost(scope: Scope, receive: Receive, send: Send) -> None:
        scope["headers_by_name"] = dict(scope["headers"])
        scope["outgoing"] = outgoing = Outgoing(send)
        await app(scope, receive, outgoing.send)

    return outermost


@pytest.fixture
def exchange():
    """One request by hand, for what no client would send; the receiver may be given as well."""
    return _exchange


@pytest.fixture
def browse():
    """A client in front of an application."""

    def client(app: ASGIApp, *, address: str = "203.0.113.9") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(within(app), client=(address, 5000))
        return httpx.AsyncClient(transport=transport, base_url="http://todo.test")

    return client


@pytest.fixture
def passes_through():
    """Whether WebSocket and lifespan reach the application behind a layer untouched."""

    async def check(layer: Callable[[ASGIApp], ASGIApp]) -> bool:
        seen = []

        async def app(scope: Scope, receive: Any, send: Any) -> None:
            seen.append((dict(scope), receive, send))

        given = [({"type": "websocket", "headers": [], "path": "/ws"}, object(), object())]
        given.append(({"type": "lifespan"}, object(), object()))
        for scope, receive, send in given:
            await layer(app)(dict(scope), receive, send)  # type: ignore[arg-type]  # never called
        return seen == given

    return check
