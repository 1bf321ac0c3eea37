"""The SQL of reading the chains: their heads, and their rows in the order in which they were chained."""

from datetime import UTC, date, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Date,
    Integer,
    SmallInteger,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from app.database.executor import Reader
from app.database.schema import moment, uuid
from app.database.statements import Query, scalar
from app.domain.audit.action import Action
from app.domain.audit.chain import Link
from app.domain.audit.tables import audit_chains, audit_log

c, h = audit_log.c, audit_chains.c


class Place(NamedTuple):
    """Which chain: the first day of its month, and its number there."""

    month: date
    chain: int


class Head(NamedTuple):
    """Where a chain ends, and where it begins since older rows were dropped."""

    number: int
    hash: bytes
    dropped_number: int
    dropped_hash: bytes


class _Dropped(Struct):
    """What the database notes of a month that it drops, as it is stored: before, and after."""

    month: tuple[str, None]
    rows: tuple[list[tuple[int, int]], None]


class Drop(NamedTuple):
    """What an entry says about a month that was dropped: which, when, and where its chains ended."""

    month: date
    at: datetime
    ends: dict[int, int]


_month = bindparam("month", type_=Date)
_chain = bindparam("chain", type_=SmallInteger)
_HEAD = (h.number, h.hash, h.dropped_number, h.dropped_hash)
_HEADS = Query(
    "audit_chains.all",
    select(h.month, h.chain, *_HEAD).order_by(h.month, h.chain),
    lambda month, chain, *head: (Place(month, chain), Head(*head)),
)
_ONE_HEAD = Query("audit_chains.one", select(*_HEAD).where(h.month == _month, h.chain == _chain), Head)
_in_month = (c.at >= bindparam("since", type_=moment), c.at < bindparam("until", type_=moment))
_NEXT_MONTH = Query("audit_log.next_month", select(func.min(c.at)).where(*_in_month), scalar)
_NEXT_CHAIN = Query(
    "audit_log.next_chain",
    select(func.min(c.chain)).where(*_in_month, c.chain > bindparam("after", type_=Integer)),
    scalar,
)
_ASTRAY = Query(
    "audit_log.astray",
    select(c.id)
    .where(or_(c.at < bindparam("since", type_=moment), c.at >= bindparam("until", type_=moment)))
    .order_by(c.id)
    .limit(1),
    scalar,
)
_rows = (
    c.number, c.at, c.id, c.actor_kind, c.actor_id, c.token_id, c.action, c.outcome, c.subject_kind, c.subject_id,
    c.team_id, c.request_id, c.seal, c.salt, c.address, cast(c.changed, Text), c.hash, c.forgotten_by,
)  # fmt: skip
_of_chain = (
    select(*_rows)
    .where(
        *_in_month,
        c.chain == _chain,
        tuple_(c.number, c.id) > tuple_(bindparam("number", type_=BigInteger), bindparam("id", type_=uuid)),
    )
    .order_by(c.number, c.id)
    .limit(bindparam("limit", type_=Integer))
)
_LINKS = Query("audit_log.links", _of_chain, Link)
_hashes = select(c.number, c.hash).where(*_in_month, c.chain == _chain).order_by(c.number, c.id)
_HASHES = Query("audit_log.hashes", _hashes, lambda number, found: (number, found))
# By the action as well, because there is an index that begins with it and none that begins with the id.
_FORGOTTEN = Query(
    "audit_log.forgotten",
    select(c.subject_id)
    .where(c.action == literal_column(f"'{Action.PERSON_FORGOTTEN}'"), c.id == bindparam("id", type_=uuid))
    .limit(1),
    scalar,
)
_DROPS = Query(
    "audit_log.drops",
    select(c.at, cast(c.changed, Text))
    .where(c.action == literal_column(f"'{Action.MONTH_DROPPED}'"))
    .order_by(c.at, c.id)
    .limit(bindparam("limit", type_=Integer)),
    lambda at, changed: (at, changed),
)
# What the log itself keeps of them goes with its own months: a few hundred, if they are kept for ever.
_DROPS_MAXIMUM = 10_000
_FIRST_ID = UUID(int=0)
_BELOW_ALL_CHAINS = -(2**15) - 1
# No entry is of a time outside of these.
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)


async def heads(reader: Reader) -> dict[Place, Head]:
    """Every chain that there is, or was before its month was dropped."""
    return dict(await reader.all(_HEADS))


async def head(reader: Reader, place: Place) -> Head | None:
    """One chain."""
    return await reader.first(_ONE_HEAD, month=place.month, chain=place.chain)


async def places(reader: Reader) -> set[Place]:
    """Every chain of which there is a row, known or not. A statement for each of them, of a few probes of an index."""
    found: set[Place] = set()
    since = _EARLIEST
    while (first := await reader.first(_NEXT_MONTH, since=since, until=_LATEST)) is not None:
        month = first.astimezone(UTC).date().replace(day=1)
        begin, since = span_of(month)
        after = _BELOW_ALL_CHAINS
        while (chain := await reader.first(_NEXT_CHAIN, since=begin, until=since, after=after)) is not None:
            found.add(Place(month, chain))
            after = chain
    return found


async def astray(reader: Reader) -> UUID | None:
    """A row of a time that no entry can be of, such as infinity; None if there is none."""
    return await reader.first(_ASTRAY, since=_EARLIEST, until=_LATEST)


async def links(reader: Reader, place: Place, *, after: int, after_id: UUID | None, limit: int) -> list[Link]:
    """The next rows of a chain after the one with this number and id."""
    since, until = span_of(place.month)
    return await reader.all(
        _LINKS, since=since, until=until, chain=place.chain, number=after, id=after_id or _FIRST_ID, limit=limit
    )


async def hashes(reader: Reader, place: Place) -> list[tuple[int, bytes]]:
    """Number and hash of every row of a chain."""
    since, until = span_of(place.month)
    return await reader.all(_HASHES, since=since, until=until, chain=place.chain)


async def forgotten_by(reader: Reader, entry_id: UUID) -> str | None:
    """The id of the person whom this entry says to be forgotten; None if it is no such entry."""
    return await reader.first(_FORGOTTEN, id=entry_id)


async def drops(reader: Reader) -> list[Drop]:
    """What the log says about months that were dropped, oldest entry first; what is no such entry is left out."""
    found = [_drop(at, changed) for at, changed in await reader.all(_DROPS, limit=_DROPS_MAXIMUM)]
    return [drop for drop in found if drop is not None]


def _drop(at: datetime, changed: str | None) -> Drop | None:
    try:
        said = msgspec.json.decode(changed or "", type=_Dropped)
        return Drop(date.fromisoformat(f"{said.month[0]}-01"), at, dict(said.rows[0]))
    except (msgspec.DecodeError, ValueError):  # Not what the database writes; the walk along its chain says so.
        return None


def span_of(month: date) -> tuple[datetime, datetime]:
    """When a month begins, and when the next one does."""
    years, following = divmod(month.month, 12)
    return (
        datetime(month.year, month.month, 1, tzinfo=UTC),
        datetime(month.year + years, following + 1, 1, tzinfo=UTC),
    )
