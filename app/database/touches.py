"""Cache tags that a write makes stale: stored with the write itself, announced after COMMIT, repeated until it is done.

A crash between COMMIT and the announcement leaves the row, and whoever sweeps finds it: no cached answer outlives
a committed write for longer than a sweep. Knows rows and tags; refuses to know what a tag means or where caches are.
"""

import os
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Column, Integer, Interval, Table, Text, bindparam, delete, func, select

from app.database.schema import metadata, moment, uuid
from app.database.statements import Change, Statement, scalar

# Tags are written into a simple query together with COMMIT, so nothing else may ever look like one.
_TAG = re.compile(r"[a-z_]{1,20}:[0-9a-f-]{1,40}")

cache_touches = Table(
    "cache_touches",
    metadata,
    Column("id", uuid, primary_key=True),
    Column("tags", ARRAY(Text), nullable=False),
    # A row is left alone while the process that wrote it is still about to announce it.
    Column("noted_at", moment, nullable=False, server_default=func.clock_timestamp()),
)


@dataclass(frozen=True, slots=True)
class Note:
    """The tags that one transaction touched."""

    id: UUID
    tags: tuple[str, ...]

    @property
    def insert_sql(self) -> str:
        """The statement that stores this note, all written out: COMMIT can follow in the same message."""
        return f"INSERT INTO cache_touches (id, tags) VALUES ('{self.id}', '{{{','.join(self.tags)}}}')"  # noqa: S608 - matched above


Announce = Callable[[Note], Awaitable[None]]
"""Tells whoever caches that the tags of a committed note are stale. Never raises; the note stays until it is told."""

OLD = Change(
    "cache_touches.old",
    select(cache_touches.c.id, cache_touches.c.tags)
    .where(cache_touches.c.noted_at <= func.clock_timestamp() - bindparam("age", type_=Interval))
    .order_by(cache_touches.c.noted_at)
    .limit(bindparam("limit", type_=Integer))
    # Waits for another sweep that is at it: when this returns, its touches are done.
    .with_for_update(),
    lambda note_id, tags: Note(note_id, tuple(tags)),
)
OUTDATED = Change(
    "cache_touches.outdated",
    delete(cache_touches)
    .where(cache_touches.c.noted_at <= func.clock_timestamp() - bindparam("age", type_=Interval))
    .returning(cache_touches.c.id),
    scalar,
)
FORGET = Change(
    "cache_touches.forget",
    delete(cache_touches).where(cache_touches.c.id == func.any(bindparam("ids", type_=ARRAY(uuid)))),
    scalar,
)


def note_of(tags: Iterable[str]) -> Note:
    """A new note of these tags. Raises ValueError for what is not one."""
    distinct = tuple(dict.fromkeys(tags))
    for tag in distinct:
        if not _TAG.fullmatch(tag):
            raise ValueError(f"{tag!r} is not a cache tag")
    return Note(UUID(bytes=os.urandom(16)), distinct)


def noting(statement: Statement[Any]) -> str:
    """The SQL of `statement`, which returns rows, storing a note as well if it does return any.

    The note's id and tags come after the statement's own parameters.
    """
    return _noting(statement.sql, statement.parameter_count)


@lru_cache(maxsize=64)
def _noting(sql: str, parameter_count: int) -> str:
    if not sql.startswith(("INSERT", "UPDATE", "DELETE")):
        raise TypeError(f"only a plain change can store a note with itself: {sql[:40]}")
    first, second = parameter_count + 1, parameter_count + 2
    return (
        f"WITH changed AS ({sql}), noted AS (INSERT INTO cache_touches (id, tags)"  # noqa: S608 - two numbers
        f" SELECT ${first}::uuid, ${second}::text[] WHERE EXISTS (SELECT FROM changed)) SELECT * FROM changed"
    )
