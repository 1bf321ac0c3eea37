"""Who is blocked now, as this process knows it: copied from the database every second, confirmed where it hurts.

The database has the truth. Redis has a key for each block, so that the script of the limits can see it; this process
has a dictionary, for when Redis is away. What differs is mended within a second, in both directions.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

import hiredis

from app.abuse.scores import block_key
from app.database.errors import DatabaseUnavailable
from app.database.executor import Reader
from app.domain.blocks import repository
from app.domain.blocks.block import Standing
from app.rate_limits.budgets import PREFIX
from app.redis.connecting import Connected
from app.redis.link import Link
from app.redis.pipeline import RedisUnavailable
from app.telemetry.logging import get_logger

TURN_SECONDS = 1.0
# A change is seen again and again for so long: a transaction may commit some time after its clock was read.
OVERLAP = timedelta(seconds=15)
# Whoever has not looked for longer may have missed something, and looks at everything.
TRUSTED_SECONDS = OVERLAP.total_seconds() / 2

log = get_logger(__name__)


class Blocklist:
    """The blocks that hold, by client, and how they are kept true."""

    def __init__(
        self,
        reader: Reader,
        link: Link | None,
        *,
        is_exempt: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._link = link
        self._is_exempt = is_exempt
        self._clock = clock
        # By this process' clock: when each block ends.
        self.until: dict[str, float] = {}
        self._looked_at: float | None = None
        self._looking: asyncio.Task[None] | None = None
        if link is not None:
            link.on_ready.append(self._restore)

    def __contains__(self, client_key: str) -> bool:
        return client_key in self.until

    def seconds_left(self, client_key: str) -> float:
        """For how many seconds the client is blocked yet, 0 if it is not. Asks nobody."""
        until = self.until.get(client_key)
        return 0.0 if until is None else max(0.0, until - self._clock())

    async def confirmed_seconds_left(self, client_key: str) -> float:
        """The same, for somebody who is about to be refused: whoever was let in again is let in at once.

        One round trip to Redis. If that does not know the block, the database decides, once for all who ask meanwhile.
        """
        if self.seconds_left(client_key) == 0.0:
            return 0.0
        connected = self._link.connected if self._link is not None else None
        if connected is not None:
            key = block_key(client_key)
            try:
                left_ms = await connected.of(key).ask("PTTL", key)
            except (RedisUnavailable, hiredis.ReplyError):
                return self.seconds_left(client_key)
            if left_ms > 0:
                return float(left_ms) / 1000
            # It was lifted, or the key was lost.
            await self._look_once()
            if (left := self.seconds_left(client_key)) > 0:
                self.hold(client_key, left)
        return self.seconds_left(client_key)

    def hold(self, client_key: str, seconds: float) -> None:
        """Blocks a client, here and in Redis, for what the database says or is about to say."""
        self._apply([Standing(client_key, seconds)])

    def release(self, client_key: str) -> None:
        """Lets a client in again, here and in Redis."""
        self._apply([Standing(client_key, None)])

    async def keep(self) -> None:
        """Looks for what has changed, every second, until it is cancelled."""
        while True:
            await self._look_once()
            self._forget_ended()
            await asyncio.sleep(TURN_SECONDS)

    async def look(self) -> None:
        """Copies what has changed from the database. One statement. Raises DatabaseUnavailable."""
        started = self._clock()
        if self._is_outdated():
            await self._look_at_everything(self._link.connected if self._link is not None else None)
        else:
            self._apply(await repository.changed(self._reader, OVERLAP))
        self._looked_at = started

    async def _look_at_everything(self, connected: Connected | None) -> None:
        standings = await repository.standings(self._reader)
        self.until.clear()
        self._apply(standings, connected=connected)

    async def _look_once(self) -> None:
        """Looks, together with all who ask meanwhile. A look that has begun before may not see what is new by now."""
        begun = self._looking
        if begun is not None:
            await asyncio.shield(begun)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_quietly())
            self._looking.add_done_callback(self._looked)
        await asyncio.shield(self._looking)

    def _looked(self, _task: "asyncio.Task[None]") -> None:
        self._looking = None

    async def _look_quietly(self) -> None:
        try:
            await self.look()
        except DatabaseUnavailable as error:
            log.debug("blocks are as they were", reason=str(error))
        except Exception:
            # The edge of a task that lives as long as the process: whatever it was must not end it.
            log.exception("blocks are as they were")

    async def _restore(self, connected: Connected) -> None:
        """Before a connection is used: writes the keys again that a server has lost, from what this process knows.

        Not from the database, so that Redis comes back without it; what it knows better follows within a second.
        """
        now = self._clock()
        standings = [Standing(key, until - now) for key, until in self.until.items() if until > now]
        self._apply(standings, connected=connected)
        self._looked_at = None
        if standings:
            # Answers come in order, so with this one all keys are there.
            await connected.of(PREFIX).ask("PING")

    def _apply(self, standings: list[Standing], *, connected: Connected | None = None) -> None:
        if connected is None and self._link is not None:
            connected = self._link.connected
        now = self._clock()
        for standing in standings:
            client_key, seconds = standing.client_key, standing.seconds_left
            if seconds is not None and seconds > 0 and not self._is_exempt(client_key):
                self.until[client_key] = now + seconds
                if connected is not None:
                    key = block_key(client_key)
                    connected.of(key).tell("SET", key, "1", "PX", int(seconds * 1000) or 1)
            else:
                self.until.pop(client_key, None)
                if connected is not None:
                    connected.of(block_key(client_key)).tell("DEL", block_key(client_key))

    def _is_outdated(self) -> bool:
        return self._looked_at is None or self._clock() - self._looked_at > TRUSTED_SECONDS

    def _forget_ended(self) -> None:
        now = self._clock()
        for client_key in [key for key, until in self.until.items() if until <= now]:
            del self.until[client_key]
