"""At most so many requests in progress at once; the others wait in an order, and what is too much is told so.

Knows which request belongs to which lane, whose latency says something, and when a place is held; app.admission knows
the rest. Above the limits of one request, so that a refusal costs little: what waits is bounded by its lane's patience.

- Health and metrics are neither counted nor made to wait: they must answer when nothing else does.
- A request that waits for its body holds no place: else a few slow senders would keep everybody out.
- A stream of events and an archive give their place back with their head: events live for hours and do next to nothing,
  and an archive is read as slowly as its client takes it.
- Latencies are those of short routes that succeeded, or failed for want of time or connections. Passwords, exports and
  batches take long by design, and refusals are quick for reasons of their own.
"""

from collections.abc import Awaitable
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.admission import Admission, Lane, Outcome
from app.api.problems import problem
from app.concurrency_limit import ConcurrencyLimit
from app.middleware.waiting import Bodies, Body, Queue
from app.setting_groups import LoadSettings
from app.telemetry.logging import get_logger, log_once_a_minute

_log = get_logger(__name__)

_UNCOUNTED = ("/health", "/metrics")
_WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
_EXPORT = "/export"
_LONG_READS = (_EXPORT, "/archive", "/events")
_PASSWORDS = (
    "/auth/login",
    "/auth/register",
    "/auth/email/verify",
    "/auth/password/change",
    "/auth/password/reset",
)
_LONG_WRITES = (*_PASSWORDS, "/batch", "/bulk-process", "/import")
# The error codes of answers whose latency tells how much there is to do; None is no error.
_TELLING = frozenset({None, "REQUEST_TIMEOUT", "DATABASE_POOL_EXHAUSTED", "DATABASE_TIMEOUT"})

_DETAIL = "There is more to do than can be done in time."

_KIND_WRITE, _KIND_READ = 0, 1
MEASURED_KINDS = 2


def admission_for(load: LoadSettings) -> Admission:
    """Who decides for one process, under these settings."""
    limit = ConcurrencyLimit(most=load.concurrent_maximum, kinds=MEASURED_KINDS)
    return Admission(limit, max_waiting=load.queue_maximum)


class Overload:
    """Lets requests in as `admission` decides, and answers 503 with `Retry-After` for the others."""

    def __init__(self, app: ASGIApp, *, admission: Admission) -> None:
        """`admission` has a limit of MEASURED_KINDS kinds; it can be looked at from elsewhere."""
        self.app = app
        self._admission = admission
        self._learn = admission.limit.learn
        self._bodies = Bodies(admission)
        self._queue = Queue(admission, self._bodies)
        self._warn = log_once_a_minute(_log)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Passes the request on when it has a place; a client that leaves while it waits gets no answer."""
        if scope["type"] != "http":
            return self.app(scope, receive, send)
        path: str = scope["path"]
        if path.startswith(_UNCOUNTED):
            return self.app(scope, receive, send)
        if scope["method"] in _WRITES:
            return self._write(scope, receive, send)
        if path.endswith(_LONG_READS):
            return self._read_for_long(scope, receive, send)
        return self._read(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive, send: Send) -> None:
        admission = self._admission
        lane = admission.reads
        if not admission.try_enter(lane):
            waited = await self._wait(lane, scope, receive, send)
            if waited is None:
                return
            receive = waited
        began = monotonic()
        try:
            await self.app(scope, receive, send)
        finally:
            # Learn first: the limit may grow by it, and then more than one of those who wait can go.
            if scope.get("error_code") in _TELLING:
                now = monotonic()
                self._learn(_KIND_READ, now - began, now)
            admission.leave(lane)

    async def _write(self, scope: Scope, receive: Receive, send: Send) -> None:
        admission = self._admission
        is_long = scope["path"].endswith(_LONG_WRITES)
        lane = admission.passwords if is_long and scope["path"].endswith(_PASSWORDS) else admission.writes
        if not admission.try_enter(lane):
            waited = await self._wait(lane, scope, receive, send)
            if waited is None:
                return
            receive = waited
        body = Body(receive, lane, self._bodies)
        began = monotonic()
        try:
            await self.app(scope, body.receive, send)
        finally:
            if not is_long and not body.was_slow and scope.get("error_code") in _TELLING:
                now = monotonic()
                self._learn(_KIND_WRITE, now - began, now)
            admission.leave(lane)

    async def _read_for_long(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_export = scope["path"].endswith(_EXPORT)
        lane = self._admission.exports if is_export else self._admission.reads
        if not self._admission.try_enter(lane):
            waited = await self._wait(lane, scope, receive, send)
            if waited is None:
                return
            receive = waited
        has_place = True

        def send_and_leave(message: Message) -> Awaitable[None]:
            nonlocal has_place
            if has_place:
                has_place = False
                self._admission.leave(lane)
            return send(message)

        try:
            await self.app(scope, receive, send if is_export else send_and_leave)
        finally:
            if has_place:
                self._admission.leave(lane)

    async def _wait(self, lane: Lane, scope: Scope, receive: Receive, send: Send) -> Receive | None:
        """Waits for a place. Returns how to receive from now on; None if it was refused, and answered, or has gone."""
        outcome, receive = await self._queue.wait(lane, receive)
        if outcome is Outcome.ADMITTED:
            return receive
        if outcome is Outcome.REFUSED:
            now = monotonic()
            admission = self._admission
            self._warn("overloaded", lane=lane.name, limit=admission.limit.value, waiting=admission.waiting)
            headers = {"Retry-After": str(self._admission.retry_after_seconds(lane, now))}
            await problem(scope, 503, "OVERLOADED", _DETAIL, headers=headers)(scope, receive, send)
        return None
