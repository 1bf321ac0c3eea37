"""What committed writes have touched, told to Redis at once, and again until it is done.

Each write leaves a note in the database with its COMMIT (app.database.touches). Whoever wrote it touches the tags and
then forgets the note; a note that is still there after a few seconds belongs to somebody who crashed or had no Redis,
and any process touches its tags. So a lost touch is repaired within NOTICED_SECONDS while Redis lives, and before Redis
is used again after an outage.
"""

import asyncio
import time
from datetime import timedelta
from uuid import UUID

from app.cache.counts import Counts
from app.cache.versions import TagVersions
from app.database.errors import DatabaseUnavailable
from app.database.executor import Database
from app.database.touches import FORGET, OLD, OUTDATED, Note
from app.redis.connecting import Connected
from app.redis.link import LONGEST_PAUSE_SECONDS, Link
from app.redis.pipeline import RedisUnavailable
from app.telemetry.logging import get_logger

TURN_SECONDS = 1.0
# After an outage the processes find Redis again one after the other. Until all have, what one of them writes without it
# would be stale for those that have it: so for a while, what is noted is not left alone at all.
HURRY_SECONDS = 4 * LONGEST_PAUSE_SECONDS
HURRIED_TURN_SECONDS = 0.1
# Longer than a process takes to forget what it has announced itself.
LEFT_ALONE = timedelta(seconds=3)
NOTICED_SECONDS = LEFT_ALONE.total_seconds() + 2 * TURN_SECONDS
# No value is served for so long, so nobody needs to be told any more.
POINTLESS = timedelta(minutes=30)
SWEPT_AT_ONCE = 500

log = get_logger(__name__)


async def discard_outdated(database: Database) -> int:
    """Deletes notes that are older than any kept value can be; how many. They pile up while Redis is away."""
    async with database.transaction() as work:
        return len(await work.all(OUTDATED, age=POINTLESS))


class Announcer:
    """Tells Redis what this process has written, and what others could not tell."""

    def __init__(self, database: Database, link: Link, tags: TagVersions, counts: Counts) -> None:
        self._database = database
        self._link = link
        self._tags = tags
        self._counts = counts
        self._done: list[UUID] = []
        self._hurries_until = 0.0
        # What could not be announced while a new connection was being prepared; None at other times.
        self._missed: list[str] | None = None
        link.on_ready.append(self._catch_up)
        database.announce = self.announce

    async def announce(self, note: Note) -> None:
        """Touches the tags of a note that was just committed. One round trip; a failure is left to the sweeps."""
        self._counts.touched(note.tags)
        try:
            await self._tags.touch(note.tags)
        except RedisUnavailable:
            self._counts.lost_touches += 1
            if self._missed is not None:
                self._missed += note.tags
        else:
            self._done.append(note.id)

    async def keep(self) -> None:
        """Forgets what is done and sweeps up what is not, every second, until it is cancelled."""
        try:
            while True:
                is_hurried = time.monotonic() < self._hurries_until
                await asyncio.sleep(HURRIED_TURN_SECONDS if is_hurried else TURN_SECONDS)
                try:
                    await self.forget_done()
                    await self.sweep()
                except (DatabaseUnavailable, RedisUnavailable) as error:
                    log.debug("cache touches wait", reason=str(error))
        finally:
            await self._forget_at_the_end()

    async def sweep(self) -> int:
        """Touches what has been noted and left for three seconds, or at all after an outage; how many notes."""
        connected = self._link.connected
        age = timedelta(0) if time.monotonic() < self._hurries_until else LEFT_ALONE
        return 0 if connected is None else await self._touch_noted(connected, age)

    async def forget_done(self) -> None:
        """Deletes the notes that this process has announced. Raises DatabaseUnavailable; then they are tried again."""
        done, self._done = self._done, []
        if not done:
            return
        try:
            async with self._database.transaction() as work:
                await work.run(FORGET, ids=done)
        except DatabaseUnavailable:
            self._done += done
            raise

    async def _catch_up(self, connected: Connected) -> None:
        """Before a connection is used: touches everything that was written without one."""
        self._missed = []
        try:
            started = time.monotonic()
            self._hurries_until = started + HURRY_SECONDS
            # What is noted from now on is announced by whoever writes it.
            while await self._touch_noted(connected, timedelta(seconds=time.monotonic() - started)):
                pass
            # This process itself could not, as the connection is not in use yet. It is as soon as this returns.
            while self._missed:
                missed, self._missed = self._missed, []
                await self._tags.touch(dict.fromkeys(missed), connected=connected)
        except DatabaseUnavailable as error:
            raise RedisUnavailable("nobody knows what was written meanwhile, without the database") from error
        finally:
            self._missed = None

    async def _touch_noted(self, connected: Connected, age: timedelta) -> int:
        async with self._database.transaction() as work:
            notes = await work.all(OLD, age=age, limit=SWEPT_AT_ONCE)
            if notes:
                tags = tuple(dict.fromkeys(tag for note in notes for tag in note.tags))
                await self._tags.touch(tags, connected=connected)
                self._counts.repeated_touches += len(tags)
                await work.run(FORGET, ids=[note.id for note in notes])
        return len(notes)

    async def _forget_at_the_end(self) -> None:
        try:
            await asyncio.shield(self.forget_done())
        except (DatabaseUnavailable, asyncio.CancelledError) as error:
            log.debug("cache touches are left to the sweeps", reason=str(error))
