"""The load generator: keep-alive connections that send prebuilt requests, each as soon as its last was answered.

One process, asyncio protocols on uvloop, no HTTP client library: it must cost less per request than the fastest server
that it measures. Knows nothing of what the requests mean.
"""

import asyncio
import itertools
import time
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import cast

from bench.responses import ResponseReader, UnreadableResponseError
from bench.samples import percentile

_ANSWER_SECONDS = 30.0
"""How long answers that are still open when the window closes are waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to send, over how many connections and for how long."""

    port: int
    requests: Sequence[bytes]
    """Sent in turn, over all connections together; the cycle begins again at its end."""
    connections: int
    seconds: float
    """Length of the measured window; with `count`, its upper bound."""
    warmup_seconds: float = 0.0
    """Load before the window, whose timings are discarded. Its statuses are not: a warm-up that fails is a failure."""
    count: int | None = None
    """Close the window after so many answers."""
    interval_seconds: float = 0.0
    """Pause between an answer and the next request of the same connection."""
    host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Result:
    """What one window saw. Latencies run from the write of the request to the last byte of its answer."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    statuses: Mapping[int, int]
    failures: Mapping[str, int]
    """Answers that never came, by the reason."""
    generator_busy: float
    """CPU seconds that this process itself used, by the second."""

    @property
    def requests_per_second(self) -> float:
        """Answers of the window by its length."""
        return self.requests / self.seconds

    @property
    def faults(self) -> list[str]:
        """What went wrong; empty when there were answers and every one was a 2xx."""
        faults = [f"{count} x status {status}" for status, count in self.statuses.items() if not 200 <= status < 300]
        faults += [f"{count} x {reason}" for reason, count in self.failures.items()]
        return faults if faults or self.requests else ["no request was answered"]


class _Run:
    """The state that all connections of one load share."""

    def __init__(self, load: Load) -> None:
        self.requests: Iterator[bytes] = itertools.cycle(load.requests)
        self.interval_seconds = load.interval_seconds
        self.latencies_ns = array("q")
        self.statuses: Counter[int] = Counter()
        self.failures: Counter[str] = Counter()
        self.sending = True
        self.measuring = False
        self.remaining = load.count or 0
        self.enough = asyncio.Event()

    def record(self, status: int, latency_ns: int) -> None:
        self.statuses[status] += 1
        if self.measuring:
            self.latencies_ns.append(latency_ns)
            if self.remaining:
                self.remaining -= 1
                if not self.remaining:
                    self.enough.set()


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request on its way."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._reader = ResponseReader()
        self._transport: asyncio.WriteTransport | None = None
        self._sent_ns = 0
        self.idle = asyncio.Event()
        self.idle.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of a WriteTransport without being registered as one.
        self._transport = cast("asyncio.WriteTransport", transport)

    def send(self) -> None:
        """Sends the next request, unless the load is over or the connection is lost."""
        if not self._run.sending or self._transport is None:
            self.idle.set()
            return
        self.idle.clear()
        self._sent_ns = time.perf_counter_ns()
        self._transport.write(next(self._run.requests))

    def data_received(self, data: bytes) -> None:
        try:
            status = self._reader.feed(data)
        except UnreadableResponseError as error:
            self._fail(str(error))
            return
        if not status:
            return
        self._run.record(status, time.perf_counter_ns() - self._sent_ns)
        if self._run.interval_seconds:
            self.idle.set()
            asyncio.get_running_loop().call_later(self._run.interval_seconds, self.send)
        else:
            self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.idle.is_set() or self._run.sending:
            self._fail(f"connection lost ({exc or 'closed by the server'})")

    def _fail(self, reason: str) -> None:
        if self._transport is not None:
            self._run.failures[reason] += 1
            self.close()

    def close(self) -> None:
        """Drops the connection; nothing is sent on it again."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        self.idle.set()


async def run(load: Load, window: AbstractContextManager[object] | None = None) -> Result:
    """Applies the load and returns what it saw; `window` is entered and left together with the measured time."""
    state = _Run(load)
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(lambda: _Connection(state), load.host, load.port))[1]
        for _ in range(load.connections)
    ]
    for connection in connections:
        connection.send()
    if load.warmup_seconds:
        await asyncio.sleep(load.warmup_seconds)
    with window or nullcontext():
        started_ns, own_ns = time.perf_counter_ns(), time.process_time_ns()
        state.measuring = True
        await _until_over(state, load.seconds)
        state.measuring = state.sending = False
        seconds = (time.perf_counter_ns() - started_ns) / 1e9
        own_seconds = (time.process_time_ns() - own_ns) / 1e9
    await _settle(state, connections)
    if state.remaining:
        state.failures["requests short of the count"] += state.remaining
    return _result(state, seconds, own_seconds)


async def _until_over(state: _Run, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await state.enough.wait()
    except TimeoutError:
        return


async def _settle(state: _Run, connections: Sequence[_Connection]) -> None:
    """Waits for the answers that are on their way, so that closing aborts no request inside the server."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            for connection in connections:
                await connection.idle.wait()
    except TimeoutError:
        state.failures[f"no answer within {_ANSWER_SECONDS:.0f} s"] += sum(
            not connection.idle.is_set() for connection in connections
        )
    for connection in connections:
        connection.close()


def _result(state: _Run, seconds: float, own_seconds: float) -> Result:
    ordered = sorted(state.latencies_ns)
    return Result(
        requests=len(ordered),
        seconds=seconds,
        p50_ms=percentile(ordered, 50) / 1e6 if ordered else float("nan"),
        p99_ms=percentile(ordered, 99) / 1e6 if ordered else float("nan"),
        statuses=dict(state.statuses),
        failures=dict(state.failures),
        generator_busy=own_seconds / seconds,
    )
