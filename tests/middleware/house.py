"""Requests that stay until they are let out, behind the layer against overload."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import Message, Receive, Scope, Send

from app.admission import Admission
from app.concurrency_limit import ConcurrencyLimit
from app.middleware.overload import MEASURED_KINDS, Overload

TODOS = "/api/v2/todos"


class House:
    """An application in which each request stays until it is let out, behind the layer."""

    def __init__(self, places: int = 1, *, max_waiting: int = 10, error_code: str | None = None) -> None:
        self.admission = Admission(ConcurrencyLimit(most=places, kinds=MEASURED_KINDS), max_waiting=max_waiting)
        self.layer = Overload(self._stay, admission=self.admission)
        self.inside: list[str] = []
        self.open = asyncio.Event()
        self._error_code = error_code

    async def _stay(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.inside.append(scope["path"])
        if self._error_code:
            scope["error_code"] = self._error_code
        await self.open.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def until(self, **counts: int) -> None:
        """Returns when the snapshot shows these numbers."""
        async with asyncio.timeout(5):
            while any(getattr(self.admission.snapshot(), name) != count for name, count in counts.items()):
                await asyncio.sleep(0.001)


def asking(exchange):
    """A fixture: starts a request in a task of its own."""
    tasks: list[asyncio.Task[object]] = []

    def start(house: House, path: str = TODOS, method: str = "GET", **more: object) -> asyncio.Task[object]:
        tasks.append(asyncio.create_task(exchange(house.layer, path, method=method, **{"receive": silent, **more})))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()


async def silent() -> Message:
    """A client that has said everything and stays."""
    await asyncio.Event().wait()
    raise AssertionError


def messages(*said: Message, then: Callable[[], Awaitable[Message]] = silent) -> Callable[[], Awaitable[Message]]:
    """A client that has said so much; `then` is what comes after it."""
    left = list(said)

    async def receive() -> Message:
        return left.pop(0) if left else await then()

    return receive


BODY: Message = {"type": "http.request", "body": b"abc", "more_body": False}
GONE: Message = {"type": "http.disconnect"}
