"""What one process of the service has of the cache, around a table of numbers that can be read and written.

Several of them in one event loop behave as several processes do: they share the database and Redis, and nothing else.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy import Column, Integer, Interval, MetaData, Table, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.cache.announcing import Announcer
from app.cache.entries import Kind, Tags
from app.cache.layer import Basis, Cache, Place
from app.database.executor import Database
from app.database.statements import Change, Query, scalar
from app.database.touches import Note, cache_touches
from app.redis.link import Link
from app.redis_address import servers_at
from app.settings import load_settings
from tests.redis.links import kept, until_connected

CREATE_NUMBERS = "CREATE TABLE numbers (id integer PRIMARY KEY, value integer NOT NULL)"
NUMBER = Kind("number", int)

numbers = Table("numbers", MetaData(), Column("id", Integer, primary_key=True), Column("value", Integer))

_written = insert(numbers).values(id=bindparam("id"), value=bindparam("value"))
READ = Query("test.read", select(numbers.c.value).where(numbers.c.id == bindparam("id", type_=Integer)), scalar)
WRITE = Change(
    "test.write",
    _written.on_conflict_do_update(index_elements=[numbers.c.id], set_={"value": _written.excluded.value}),
    scalar,
)
NOTES = Query(
    "test.notes", select(cache_touches.c.id, cache_touches.c.tags), lambda note_id, tags: Note(note_id, tuple(tags))
)
AGE = Change(
    "test.age",
    update(cache_touches).values(noted_at=cache_touches.c.noted_at - bindparam("age", type_=Interval)),
    scalar,
)
CLOCK = Query("test.clock", select(func.clock_timestamp()), scalar)

_ids = count(1)


def new_number() -> int:
    """A number that no other test knows."""
    return next(_ids)


def tag_of(number: int) -> str:
    """The tag under which a number is cached."""
    return f"number:{number:x}"


def place_of(number: int) -> Place[int]:
    """Where a number is cached."""
    return Place(NUMBER, f"number {number}", f"{number}")


class Process:
    """A database, a link, a cache and an announcer, wired as in the service."""

    def __init__(
        self, database_url: str, redis_url: str, *, cache: type[Cache] = Cache, ttl_seconds: float = 300
    ) -> None:
        self.database = Database(load_settings(DATABASE_URL=database_url, DB_POOL_SIZE="2").database)
        self.link = Link(servers_at(redis_url))
        self.cache = cache(self.link, ttl_seconds=ttl_seconds, process_bytes=1 << 20)
        self.announcer = Announcer(self.database, self.link, self.cache.tags, self.cache.counts)
        self.loads = 0

    async def load(self, number: int) -> int | None:
        """What the database says."""
        self.loads += 1
        value: int | None = await self.database.reader.first(READ, id=number)
        return value

    async def read(self, number: int, *, then: Callable[[], Awaitable[Any]] | None = None) -> int | None:
        """What the service would answer. `then` runs after a load has read and before it returns."""

        async def load() -> int | None:
            value = await self.load(number)
            if then is not None:
                await then()
            return value

        return await self.cache.get_or_load(place_of(number), (tag_of(number),), load)

    async def sent(self) -> None:
        """Returns when Redis has done what it was told without waiting."""
        connected = await until_connected(self.link)
        await connected.confirm()

    async def write(self, number: int, value: int) -> None:
        """Commits a value and tells everybody."""
        async with self.database.transaction() as work:
            work.touch(tag_of(number))
            await work.run(WRITE, id=number, value=value)

    async def write_and_crash(self, number: int, value: int) -> None:
        """Commits a value and tells nobody, as a process that is killed right then."""
        announce, self.database.announce = self.database.announce, _say_nothing
        try:
            await self.write(number, value)
        finally:
            self.database.announce = announce

    async def notes(self, number: int) -> list[Note]:
        """What is noted and not forgotten about a number."""
        return [note for note in await self.database.reader.all(NOTES) if tag_of(number) in note.tags]

    async def let_notes_age(self, age: timedelta) -> None:
        """Makes all notes older."""
        async with self.database.transaction() as work:
            await work.run(AGE, age=age)


async def _say_nothing(_note: Note) -> None:
    pass


@asynccontextmanager
async def running(process: Process, *, is_connected: bool = True) -> AsyncIterator[Process]:
    """Keeps the link of a process while the block runs. Sweeps only happen when they are asked for."""
    try:
        async with kept(process.link):
            if is_connected:
                await until_connected(process.link)
            yield process
    finally:
        await process.database.close()


class ReadsVersionsLate(Cache):
    """The mistake that the order of things is there to prevent: the versions are read after the value."""

    async def load(self, place: Place[Any], basis: Basis, load: Callable[[], Awaitable[Any]], **options: Any) -> Any:
        """As Cache.load, but wrong."""
        value = await load()
        late = await self.tags.settle(basis.tags, await self.tags.read(basis.tags))

        async def loaded() -> Any:
            return value

        return await super().load(place, Basis(basis.tags, late, basis.connected), loaded, **options)


class KnowsNoGeneration(Cache):
    """The mistake of believing a server that was restarted."""

    async def _start_generation(self, _connected: Any) -> None:
        pass


async def versions(process: Process, *tags: str) -> Tags:
    """The versions now, as text; "" for none."""
    return tuple((version or b"").decode() for version in await process.cache.tags.read(tags))


async def stopped(task: "asyncio.Task[Any]") -> None:
    """Cancels a task and waits for its end."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
