"""Requests that wait: for a place, until they get one, are refused or have lost their client; and for their bodies.

Knows tasks, timers and ASGI messages. Refuses to know who goes first (app.admission) and what a refusal looks like.
"""

import asyncio
from collections.abc import Callable
from time import monotonic

from starlette.types import Message, Receive

from app.admission import Admission, Lane, Outcome, Ticket

_SWEEP_SECONDS = 0.025
# Whoever leaves sooner has cost less than watching for it; in a queue that stands, nobody waits so long.
_UNWATCHED_SECONDS = 0.5


class Bodies:
    """The bodies that are waited for at this moment. Their requests need no place meanwhile, if anybody else does."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.awaited: set[Body] = set()

    def lend(self) -> None:
        """Gives their places to others; each is taken back when its body goes on."""
        for body in self.awaited:
            if not body.is_lent:
                body.is_lent = body.was_slow = True
                self.admission.leave(body.lane)


class Body:
    """The messages of one request that holds a place."""

    is_lent = False
    was_slow = False
    _is_complete = False

    def __init__(self, receive: Receive, lane: Lane, bodies: Bodies) -> None:
        self.lane = lane
        self._receive = receive
        self._bodies = bodies

    async def receive(self) -> Message:
        """The next message. What follows a complete body is waited for with the place in hand."""
        if self._is_complete:
            return await self._receive()
        bodies = self._bodies
        bodies.awaited.add(self)
        try:
            message = await self._receive()
        finally:
            bodies.awaited.discard(self)
            if self.is_lent:
                self.is_lent = False
                bodies.admission.take_back(self.lane)
        self._is_complete = not message.get("more_body", False)
        return message


class Queue:
    """Requests that wait, each in its own task.

    One timer for all of them lends out the places of those who do not use them, and refuses those who waited too long.
    """

    def __init__(self, admission: Admission, bodies: Bodies) -> None:
        self._admission = admission
        self._bodies = bodies
        # The loop on which the timer runs; None while there is no timer.
        self._loop: asyncio.AbstractEventLoop | None = None

    async def wait(self, lane: Lane, receive: Receive) -> tuple[Outcome, Receive]:
        """What has become of one request, and how its messages are received from now on."""
        loop = asyncio.get_running_loop()
        decided: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not decided.done():
                decided.set_result(None)

        def has_gone() -> None:
            self._admission.abandon(ticket)
            wake()

        ticket = self._admission.enqueue(lane, monotonic(), wake)
        if decided.done():
            return ticket.outcome, receive
        if self._loop is not loop:
            self._loop = loop
            loop.call_later(_SWEEP_SECONDS, self._sweep, loop)
        watch = _Watch(receive, ticket, loop, has_gone)
        try:
            await decided
            await watch.end()
        except BaseException:
            self._admission.abandon(ticket)
            raise
        finally:
            watch.cancel()
        return ticket.outcome, watch.receive if watch.has_begun else receive

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not loop:
            return
        self._bodies.lend()
        self._admission.expire(monotonic())
        if self._admission.has_undecided:
            loop.call_later(_SWEEP_SECONDS, self._sweep, loop)
        else:
            self._loop = None


class _Watch:
    """Notices that the client of a waiting request has gone, if the wait is long; keeps what was received meanwhile."""

    has_begun = False
    _task: asyncio.Task[None] | None = None

    def __init__(
        self, receive: Receive, ticket: Ticket, loop: asyncio.AbstractEventLoop, has_gone: Callable[[], object]
    ) -> None:
        """`has_gone` is called when the client has gone."""
        self._receive = receive
        self._ticket = ticket
        self._loop = loop
        self._has_gone = has_gone
        self._received: list[Message] = []
        self._timer = loop.call_later(_UNWATCHED_SECONDS, self._begin)

    async def receive(self) -> Message:
        """The next message: first what came while the request waited."""
        return self._received.pop(0) if self._received else await self._receive()

    async def end(self) -> None:
        """Returns when nobody else reads the messages any more. Raises what reading them has raised."""
        self.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    def cancel(self) -> None:
        """Stops watching."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        # For a refusal that is held back it would cost more than the answer to nobody.
        if self._ticket.outcome is not Outcome.UNDECIDED:
            return
        self.has_begun = True
        self._task = self._loop.create_task(self._look())

    async def _look(self) -> None:
        while (message := await self._receive())["type"] == "http.request":
            self._received.append(message)
            # Of a body that goes on, no more is taken before it can be used: it would have to be kept.
            if message.get("more_body", False):
                return
        self._received.append(message)
        self._has_gone()
