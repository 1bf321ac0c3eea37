"""The SQL of blocks. Every clock is Postgres' own: processes cannot disagree on who is blocked."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    Double,
    Interval,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    extract,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.sql import ColumnElement

from app.database.executor import Reader, Transaction
from app.database.newest_first import LIMIT, Walk, walked
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.blocks.block import KEPT, REMEMBERED, Block, Standing
from app.domain.blocks.tables import address_blocks
from app.domain.ids import BlockId, UserId
from app.domain.pages import PageRequest

c = address_blocks.c

# What a process holds of them at once.
STANDINGS_MAXIMUM = 50_000

_ACTIVE = and_(c.lifted_at.is_(None), c.until > func.now())
_COLUMNS = (
    c.id,
    c.client_key,
    c.strike,
    c.signals,
    c.score,
    c.note,
    c.since,
    c.until,
    c.created_by,
    c.lifted_at,
    c.lifted_by,
    _ACTIVE,
)
_id = bindparam("block_id", type_=uuid)
_key = bindparam("client_key", type_=Text)
_age = bindparam("age", type_=Interval)


class BlockFilter(NamedTuple):
    """Which blocks: those that hold or not, those of one client; None is any."""

    is_active: bool | None = None
    client_key: str | None = None


class History(NamedTuple):
    """How often a client was blocked by its deeds within a week, lifted ones apart, and until when it is blocked."""

    strikes: int
    blocked_until: datetime | None


_LOCK = Change("blocks.lock", select(func.pg_advisory_xact_lock(func.hashtextextended(_key, 0))), scalar)
_HISTORY = Query(
    "blocks.history",
    select(
        func.count().filter(c.strike > 0, c.lifted_at.is_(None)),
        func.max(c.until).filter(_ACTIVE),
    ).where(c.client_key == _key, c.until > func.now() - bindparam("remembered", type_=Interval)),
    History,
)
_GIVEN = ("id", "client_key", "strike", "signals", "score", "note", "created_by")
_INSERT = Change(
    "blocks.insert",
    insert(address_blocks)
    .values(
        {name: bindparam(name, type_=c[name].type) for name in _GIVEN}
        | {"until": func.now() + bindparam("duration", type_=Interval)}
    )
    .returning(*_COLUMNS),
    Block,
)
_LIFTED = {
    "lifted_at": func.now(),
    "lifted_by": bindparam("new_lifted_by", type_=uuid),
    "changed_at": func.clock_timestamp(),
}
_LIFT = Change(
    "blocks.lift", update(address_blocks).where(c.id == _id, _ACTIVE).values(_LIFTED).returning(*_COLUMNS), Block
)
_LIFT_CLIENT = Change(
    "blocks.lift_client",
    update(address_blocks).where(c.client_key == _key, _ACTIVE).values(_LIFTED).returning(*_COLUMNS),
    Block,
)
_BY_ID = Query("blocks.by_id", select(*_COLUMNS).where(c.id == _id), Block)
_seconds_left = cast(func.max(extract("epoch", c.until - func.clock_timestamp())).filter(_ACTIVE), Double)
_STANDINGS = Query(
    "blocks.standings",
    select(c.client_key, _seconds_left)
    .where(c.until > func.now())
    .group_by(c.client_key)
    .order_by(func.max(c.until).desc(), c.client_key)
    .limit(LIMIT),
    Standing,
)
_recent = select(c.client_key).where(c.changed_at > func.now() - _age)
_CHANGED = Query(
    "blocks.changed",
    select(c.client_key, _seconds_left)
    .where(c.client_key.in_(_recent))
    .group_by(c.client_key)
    .order_by(c.client_key)
    .limit(LIMIT),
    Standing,
)
_ended = select(c.id).where(c.until < func.now() - _age).order_by(c.until).limit(LIMIT)
_chosen = _ended.with_for_update(skip_locked=True).cte("chosen")
_PURGE = Change("blocks.purge", delete(address_blocks).where(c.id == _chosen.c.id).returning(c.id), scalar)


def _conditions(shape: tuple[bool | None, bool]) -> list[ColumnElement[bool]]:
    is_active, is_of_one = shape
    conditions: list[ColumnElement[bool]] = []
    if is_active is not None:
        conditions.append(_ACTIVE if is_active else ~_ACTIVE)
    if is_of_one:
        conditions.append(c.client_key == _key)
    return conditions


@cache
def _page_statement(walk: Walk, shape: tuple[bool | None, bool]) -> Query[Block]:
    chosen = select(*_COLUMNS).where(*_conditions(shape))
    return Query("blocks.page", walked(chosen, c.since, c.id, walk), Block)


@cache
def _count_statement(shape: tuple[bool | None, bool]) -> Query[int]:
    return Query("blocks.count", select(func.count()).select_from(address_blocks).where(*_conditions(shape)), scalar)


async def lock(work: Transaction, client_key: str) -> History:
    """What is known of a client; nobody else blocks it until this transaction ends."""
    await work.run(_LOCK, client_key=client_key)
    found = await work.first(_HISTORY, client_key=client_key, remembered=REMEMBERED)
    return found or History(0, None)


async def insert_block(work: Transaction, block_id: BlockId, *, duration: timedelta, **values: Any) -> Block:
    """Stores a block that begins now: client_key, strike, signals, score, note, created_by."""
    made = await work.all(_INSERT, id=block_id, duration=duration, **values)
    return made[0]


async def lift(work: Transaction, block_id: BlockId, by: UserId | None) -> Block | None:
    """Ends a block that holds; None if there is none."""
    return await work.first(_LIFT, block_id=block_id, new_lifted_by=by)


async def lift_client(work: Transaction, client_key: str, by: UserId | None) -> list[Block]:
    """Ends every block of a client that holds."""
    return await work.all(_LIFT_CLIENT, client_key=client_key, new_lifted_by=by)


async def by_id(reader: Reader, block_id: UUID) -> Block | None:
    """The block, whether it holds or not."""
    return await reader.first(_BY_ID, block_id=block_id)


async def page(reader: Reader, request: PageRequest, filters: BlockFilter) -> list[Block]:
    """Blocks newest first (backwards: oldest first) from the position on; one row more than the limit."""
    shape, parameters = _shape(filters)
    return await reader.all(_page_statement(request.walk, shape), **parameters, **request.place)


async def count(reader: Reader, filters: BlockFilter) -> int:
    """How many blocks there are."""
    shape, parameters = _shape(filters)
    return await reader.first(_count_statement(shape), **parameters) or 0


async def standings(reader: Reader) -> list[Standing]:
    """What holds for every client whose last block is not over, lifted ones included; the longest first."""
    return await reader.all(_STANDINGS, limit=STANDINGS_MAXIMUM)


async def changed(reader: Reader, age: timedelta) -> list[Standing]:
    """What holds for the clients of whom something has changed within `age`."""
    return await reader.all(_CHANGED, age=age, limit=STANDINGS_MAXIMUM)


async def purge(work: Transaction, *, limit: int) -> int:
    """Deletes at most `limit` blocks that were over a month ago; says how many."""
    return len(await work.all(_PURGE, age=KEPT, limit=limit))


def _shape(filters: BlockFilter) -> tuple[tuple[bool | None, bool], dict[str, Any]]:
    """Which statement the filters need, and its parameters."""
    is_of_one = filters.client_key is not None
    return (filters.is_active, is_of_one), ({"client_key": filters.client_key} if is_of_one else {})
