"""The SQL of exports. Every clock is Postgres' own, so workers cannot disagree on what is due and what has expired."""

from datetime import datetime, timedelta
from functools import cache

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Integer,
    Interval,
    LargeBinary,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from app.database.executor import Reader, Transaction
from app.database.newest_first import LIMIT, Walk, walked
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.exports.export import Claimed, Export, Status
from app.domain.exports.tables import export_chunks, exports
from app.domain.ids import ExportId, UserId, uuid7
from app.domain.pages import PageRequest
from app.domain.users.tables import may_come_in, users

e, p, u = exports.c, export_chunks.c, users.c

_id = bindparam("export_id", type_=uuid)
_user_id = bindparam("user_id", type_=uuid)
_lease = bindparam("lease", type_=Interval)
_unfinished = e.finished_at.is_(None)
_status = case(
    (and_(_unfinished, or_(e.attempts == 0, e.next_attempt_at <= func.now())), literal(Status.QUEUED.value)),
    (_unfinished, literal(Status.RUNNING.value)),
    (e.expires_at.is_(None), literal(Status.FAILED.value)),
    (e.expires_at <= func.now(), literal(Status.EXPIRED.value)),
    else_=literal(Status.READY.value),
)
_COLUMNS = (e.id, _status, e.created_at, e.finished_at, e.expires_at, e.size_bytes)


def _export(*row: object) -> Export:
    return Export(row[0], Status(row[1]), *row[2:])  # type: ignore[arg-type]  # the columns above


class Counted(Struct, frozen=True):
    """How many exports there were since a moment, and when the first of them was asked for."""

    number: int
    first_at: datetime | None


_INSERT = Change(
    "exports.insert",
    insert(exports)
    .values(id=_id, user_id=_user_id)
    .on_conflict_do_nothing(index_elements=[e.user_id], index_where=_unfinished)
    .returning(*_COLUMNS),
    _export,
)
_UNFINISHED = Query("exports.unfinished", select(*_COLUMNS).where(e.user_id == _user_id, _unfinished), _export)
_OF_LATE = Query(
    "exports.of_late",
    select(func.count(), func.min(e.created_at)).where(
        e.user_id == _user_id, e.created_at > func.now() - bindparam("within", type_=Interval)
    ),
    Counted,
)
_ONE = Query("exports.one", select(*_COLUMNS).where(e.id == _id, e.user_id == _user_id), _export)
_COUNT = Query("exports.count", select(func.count()).where(e.user_id == _user_id), scalar)
_due = (
    select(e.id)
    .where(_unfinished, e.next_attempt_at <= func.now())
    .order_by(e.next_attempt_at, e.id)
    .limit(1)
    .with_for_update(skip_locked=True)
    .cte("due")
)
_CLAIM = Change(
    "exports.claim",
    update(exports)
    .where(e.id == _due.c.id, u.id == e.user_id)
    .values(attempts=e.attempts + 1, next_attempt_at=func.now() + _lease)
    .returning(e.id, e.user_id, e.created_at, e.attempts, may_come_in),
    Claimed,
)
# Whoever's lease has ended meanwhile finds another number of attempts, and leaves the export to its new owner.
_mine = (e.id == _id, e.attempts == bindparam("attempts", type_=Integer), _unfinished)
_HOLD = Change(
    "exports.hold",
    update(exports).where(*_mine).values(next_attempt_at=func.now() + _lease).returning(e.id),
    scalar,
)
_FINISH = Change(
    "exports.finish",
    update(exports)
    .where(*_mine)
    .values(
        finished_at=func.now(),
        expires_at=func.now() + bindparam("kept", type_=Interval),
        size_bytes=bindparam("size_bytes", type_=BigInteger),
    )
    .returning(e.id),
    scalar,
)
_GIVE_UP = Change(
    "exports.give_up",
    update(exports).where(*_mine).values(finished_at=func.now(), expires_at=null()).returning(e.id),
    scalar,
)
_ADD_CHUNK = Change(
    "exports.add_chunk",
    insert(export_chunks).values(
        export_id=_id,
        number=bindparam("number", type_=BigInteger),
        sealed=bindparam("sealed", type_=LargeBinary),
    ),
    scalar,
)
_CHUNK = Query(
    "exports.chunk",
    select(p.sealed).where(p.export_id == _id, p.number == bindparam("number", type_=BigInteger)),
    scalar,
)
_DELETE_CHUNKS = Change("exports.delete_chunks", delete(export_chunks).where(p.export_id == _id), scalar)
_expired = (
    select(p.export_id, p.number)
    .join_from(exports, export_chunks, p.export_id == e.id)
    .where(e.expires_at <= func.now())
    .order_by(e.expires_at, p.export_id, p.number)
    .limit(LIMIT)
    .with_for_update(of=export_chunks, skip_locked=True)
    .cte("expired")
)
_PURGE_CHUNKS = Change(
    "exports.purge_chunks",
    delete(export_chunks).where(p.export_id == _expired.c.export_id, p.number == _expired.c.number).returning(p.number),
    scalar,
)
_old = (
    select(e.id)
    .where(e.finished_at <= func.now() - bindparam("kept", type_=Interval))
    .order_by(e.finished_at)
    .limit(LIMIT)
    .with_for_update(skip_locked=True)
    .cte("old")
)
_PURGE = Change("exports.purge", delete(exports).where(e.id == _old.c.id).returning(e.id), scalar)


@cache
def _page_statement(walk: Walk) -> Query[Export]:
    mine = select(*_COLUMNS).where(e.user_id == _user_id)
    return Query("exports.page", walked(mine, e.created_at, e.id, walk), _export)


async def insert_export(work: Transaction, user_id: UserId) -> Export | None:
    """A new export of this user, to be built; None if there is one already that is not finished."""
    return await work.first(_INSERT, export_id=uuid7(), user_id=user_id)


async def unfinished(reader: Reader, user_id: UserId) -> Export | None:
    """The user's export that is not finished; there is at most one."""
    return await reader.first(_UNFINISHED, user_id=user_id)


async def of_late(reader: Reader, user_id: UserId, *, within: timedelta) -> Counted:
    """How many exports the user has asked for within this time."""
    return (await reader.all(_OF_LATE, user_id=user_id, within=within))[0]


async def one(reader: Reader, user_id: UserId, export_id: ExportId) -> Export | None:
    """An export of this user."""
    return await reader.first(_ONE, user_id=user_id, export_id=export_id)


async def page(reader: Reader, user_id: UserId, request: PageRequest) -> list[Export]:
    """The user's exports, newest first (backwards: oldest first); one row more than the limit."""
    return await reader.all(_page_statement(request.walk), user_id=user_id, **request.place)


async def count(reader: Reader, user_id: UserId) -> int:
    """How many exports of this user are known."""
    return await reader.first(_COUNT, user_id=user_id) or 0


async def claim(work: Transaction, *, lease: timedelta) -> Claimed | None:
    """The export that has waited longest, nobody else's before the lease ends. What was built of it is deleted."""
    claimed = await work.first(_CLAIM, lease=lease)
    if claimed is not None and claimed.attempts > 1:
        await work.run(_DELETE_CHUNKS, export_id=claimed.id)
    return claimed


async def hold(work: Transaction, claimed: Claimed, *, lease: timedelta) -> bool:
    """Makes the lease end that much from now; False if the export is another's by now, or gone.

    The row stays locked until `work` ends: what is written for the export meanwhile is written by its owner.
    """
    return await work.first(_HOLD, export_id=claimed.id, attempts=claimed.attempts, lease=lease) is not None


async def finish(work: Transaction, claimed: Claimed, *, size_bytes: int, kept: timedelta) -> bool:
    """Makes the archive available for so long; False as `hold`."""
    finished = await work.first(
        _FINISH, export_id=claimed.id, attempts=claimed.attempts, size_bytes=size_bytes, kept=kept
    )
    return finished is not None


async def give_up(work: Transaction, claimed: Claimed) -> bool:
    """Ends an export that comes to nothing, and deletes what was built of it; False as `hold`."""
    if await work.first(_GIVE_UP, export_id=claimed.id, attempts=claimed.attempts) is None:
        return False
    await work.run(_DELETE_CHUNKS, export_id=claimed.id)
    return True


async def add_chunk(work: Transaction, export_id: ExportId, number: int, sealed: bytes) -> None:
    """Stores one piece of an archive."""
    await work.run(_ADD_CHUNK, export_id=export_id, number=number, sealed=sealed)


async def chunk(reader: Reader, export_id: ExportId, number: int) -> bytes | None:
    """One piece of an archive as it is stored; None if it is gone."""
    return await reader.first(_CHUNK, export_id=export_id, number=number)


async def purge_chunks(work: Transaction, *, limit: int) -> int:
    """Deletes at most `limit` pieces of archives that have expired; how many."""
    return len(await work.all(_PURGE_CHUNKS, limit=limit))


async def purge(work: Transaction, *, kept: timedelta, limit: int) -> int:
    """Deletes at most `limit` exports that were finished longer ago than `kept`; how many."""
    return len(await work.all(_PURGE, kept=kept, limit=limit))
