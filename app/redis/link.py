"""Whether Redis can be used now: a circuit breaker that opens at the first failure and is closed only by a probe.

No request ever waits for a connection or tries one: while the circuit is open, whoever asks is told so at once, and one
task in the background tries to connect. A frozen server costs those few requests that are waiting when it freezes.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal

from app.redis.connecting import Connected, connect, find_shards
from app.redis.pipeline import Pipeline, RedisUnavailable
from app.redis_address import Servers
from app.telemetry.logging import get_logger, log_once_a_minute

ANSWER_SECONDS = 0.1
CHECK_SECONDS = 1.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 0.5

State = Literal["closed", "half_open", "open"]

log = get_logger(__name__)


class Link:
    """The way to Redis for a whole process.

    What is in `on_ready` runs, in order, before a new connection is used; RedisUnavailable refuses it for now.
    """

    def __init__(
        self, servers: Servers, *, answer_seconds: float = ANSWER_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._servers = servers
        self._answer_seconds = answer_seconds
        self._connected: Connected | None = None
        self._candidate: Connected | None = None
        self._changed = asyncio.Event()
        self._tried = asyncio.Event()
        self._warn = log_once_a_minute(log, clock=clock)
        self._has_warned = True  # So that the first success is said, too.
        self.state: State = "open"
        self.times_opened = 0
        self.on_ready: list[Callable[[Connected], Awaitable[None]]] = []

    @property
    def connected(self) -> Connected | None:
        """The open connections, or None while Redis cannot be used."""
        return self._connected

    async def wait_for_first_try(self, seconds: float) -> None:
        """Returns when `keep` has tried to connect once, however that went, or after `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._tried.wait()

    def distrust(self) -> None:
        """Opens the circuit: an answer shows that the server is not what it was."""
        self._open("an answer that cannot be")

    async def keep(self) -> None:
        """Connects, watches and connects again, until it is cancelled."""
        pause = FIRST_PAUSE_SECONDS
        try:
            while True:
                is_usable = await self._try()
                self._tried.set()
                if is_usable:
                    pause = FIRST_PAUSE_SECONDS
                    await self._watch()
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads the processes' attempts
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        finally:
            self._connected = None
            self.state = "open"
            if self._candidate is not None:
                self._candidate.close()

    async def _try(self) -> bool:
        self.state = "half_open"
        try:
            candidate = await self._prepared()
        except RedisUnavailable as error:
            if self._candidate is not None:
                self._candidate.close()
            self.state = "open"
            self._log(f"cannot connect: {error}")
            return False
        self._changed.clear()
        self._connected = candidate
        self.state = "closed"
        if self._has_warned:  # One that comes and goes is not told each time.
            self._has_warned = False
            log.info("redis in use")
        return True

    async def _prepared(self) -> Connected:
        self._candidate = candidate = await connect(self._servers, seconds=self._answer_seconds, on_lost=self._lost)
        for prepare in self.on_ready:
            await prepare(candidate)
        if candidate.is_lost:
            raise RedisUnavailable("lost before its first use")
        return candidate

    async def _watch(self) -> None:
        """Returns when the connection is lost. Notices a frozen server and a promoted one even while nobody asks."""
        while self._connected is not None:
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                await self._check()

    async def _check(self) -> None:
        connected = self._connected
        if connected is None:
            return
        try:
            await connected.confirm()
            shards = await find_shards(self._servers, seconds=self._answer_seconds)
        except RedisUnavailable as error:
            self._open(f"cannot be confirmed: {error}")
            return
        if shards != connected.shards:
            self._open("other servers have the keys now")

    def _lost(self, pipeline: Pipeline) -> None:
        if self._connected is not None and self._connected.has(pipeline):
            self._open("the connection was lost or an answer was late")

    def _open(self, reason: str) -> None:
        connected, self._connected = self._connected, None
        if connected is None:
            return
        self.state = "open"
        self.times_opened += 1
        self._changed.set()
        connected.close()
        self._log(reason)

    def _log(self, reason: str) -> None:
        """Says it at once, and then at most once a minute, also where the server comes and goes."""
        self._has_warned = self._warn("redis cannot be used", reason=reason) or self._has_warned
