"""Requests at a rate that does not yield: whoever gets slow answers, or refusals, sends the next ones all the same.

Also the opposite, clients that wait for each answer, to find out what a service can do. Knows bytes and connections;
what the requests mean is the caller's business.
"""

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

_TICK_SECONDS = 0.005
_MAX_CONNECTIONS = 3_000
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after: *(\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came of it; status 0 if no answer came."""

    sent_at: float
    seconds: float
    status: int
    retry_after: int | None = None
    body: bytes = b""


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, done: Callable[["Connection", Exchange], None]) -> None:
        self._done = done
        self._transport: asyncio.WriteTransport | None = None
        self._sent_at = 0.0
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def send(self, message: bytes) -> None:
        assert self._transport is not None
        self._sent_at = time.monotonic()
        self._received = b""
        self._transport.write(message)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if separator and (length is None or len(body) >= int(length[1])):
            retry_after = _RETRY_AFTER.search(head + b"\r\n")
            self._finish(int(head[9:12]), int(retry_after[1]) if retry_after else None, body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._sent_at:
            self._finish(0, None, b"")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def _finish(self, status: int, retry_after: int | None, body: bytes) -> None:
        sent_at, self._sent_at = self._sent_at, 0.0
        kept = body if status >= 400 else b""
        self._done(self, Exchange(sent_at, time.monotonic() - sent_at, status, retry_after, kept))


async def in_turn(port: int, messages: Sequence[bytes], *, clients: int, seconds: float) -> list[Exchange]:
    """What `clients` saw that each wait for an answer before they send the next request."""
    seen: list[Exchange] = []
    cycle = itertools.cycle(messages)
    over = time.monotonic() + seconds
    working = clients
    all_done = asyncio.Event()

    def done(connection: Connection, exchange: Exchange) -> None:
        nonlocal working
        seen.append(exchange)
        if connection.is_open and time.monotonic() < over:
            connection.send(next(cycle))
            return
        working -= 1
        if not working:
            all_done.set()

    connections = [await _connect(port, done) for _ in range(clients)]
    for connection in connections:
        connection.send(next(cycle))
    await all_done.wait()
    _close(connections)
    return seen


async def at_rate(port: int, messages: Sequence[bytes], *, per_second: float, seconds: float) -> list[Exchange]:
    """What came of `per_second` requests a second, evenly sent on as many connections as that takes.

    At most 3,000. While all of them wait for an answer, nothing more is sent, so there may be fewer.
    """
    seen: list[Exchange] = []
    cycle = itertools.cycle(messages)
    connections: list[Connection] = []
    idle: list[Connection] = []

    def done(connection: Connection, exchange: Exchange) -> None:
        seen.append(exchange)
        if connection.is_open:
            idle.append(connection)

    began = time.monotonic()
    due = sent = 0
    while (elapsed := time.monotonic() - began) < seconds:
        while due < elapsed * per_second:
            due += 1
            while idle and not idle[-1].is_open:
                idle.pop()
            if not idle and len(connections) < _MAX_CONNECTIONS:
                connections.append(await _connect(port, done))
                idle.append(connections[-1])
            if idle:
                sent += 1
                idle.pop().send(next(cycle))
        await asyncio.sleep(_TICK_SECONDS)
    async with asyncio.timeout(35):
        while len(seen) < sent:
            await asyncio.sleep(_TICK_SECONDS)
    _close(connections)
    return seen


def statuses(exchanges: Iterable[Exchange]) -> Counter[int]:
    """How many of each status."""
    return Counter(exchange.status for exchange in exchanges)


def successes_by_second(exchanges: Sequence[Exchange]) -> Iterator[int]:
    """How many requests of each second got an answer of 2xx."""
    began = min(exchange.sent_at for exchange in exchanges)
    counts = Counter(int(exchange.sent_at - began) for exchange in exchanges if 200 <= exchange.status < 300)
    return (counts[second] for second in range(max(counts, default=-1) + 1))


async def _connect(port: int, done: Callable[[Connection, Exchange], None]) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(done), "127.0.0.1", port)
    return connection


def _close(connections: Iterable[Connection]) -> None:
    for connection in connections:
        connection.close()
