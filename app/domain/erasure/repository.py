"""The SQL of erasures: when one is due, and how far it has come. Every clock is Postgres' own."""

from datetime import datetime, timedelta

from sqlalchemy import ARRAY, Integer, Interval, LargeBinary, bindparam, column, delete, func, null, select, update
from sqlalchemy.dialects.postgresql import insert

from app.database.executor import Reader, Transaction
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.erasure.tables import erasures
from app.domain.ids import UserId
from app.domain.users.cache_tags import of_user
from app.domain.users.tables import users
from app.erasure_ledger import Erased

e, u = erasures.c, users.c

_user_id = bindparam("user_id", type_=uuid)
_subject_hash = bindparam("subject_hash", type_=LargeBinary)
_limit = bindparam("limit", type_=Integer)
_given = (
    func.unnest(bindparam("hashes", type_=ARRAY(LargeBinary)))
    .table_valued(column("subject_hash", LargeBinary))
    .render_derived("given")
)
_digest = func.sha256(func.uuid_send(u.id))
_is_due = u.deletion_scheduled_at <= func.now()
_is_unfinished = e.finished_at.is_(None)
_SCHEDULE = Change(
    "users.schedule_deletion",
    update(users)
    .where(u.id == _user_id)
    .values(deletion_scheduled_at=func.now() + bindparam("delay", type_=Interval))
    .returning(u.deletion_scheduled_at),
    scalar,
)
_SCHEDULED_AT = Query("users.deletion_scheduled_at", select(u.deletion_scheduled_at).where(u.id == _user_id), scalar)
# By the clock, not by the beginning of the transaction: it may have waited for an erasure that has begun.
_CALL_OFF = Change(
    "users.call_off_deletion",
    update(users)
    .where(u.id == _user_id, u.deletion_scheduled_at > func.clock_timestamp())
    .values(deletion_scheduled_at=null())
    .returning(u.id),
    scalar,
)
_DUE = Query("users.due", select(u.id).where(_is_due).order_by(u.deletion_scheduled_at, u.id).limit(_limit), scalar)
_UNFINISHED = Query(
    "erasures.unfinished",
    select(e.user_id).where(_is_unfinished).order_by(e.began_at, e.subject_hash).limit(_limit),
    scalar,
)
# Whoever calls it off waits for this lock, and then finds that it is too late.
_LOCK_DUE = Change("users.lock_due", select(u.id).where(u.id == _user_id, _is_due).with_for_update(), scalar)
_BEGIN = Change(
    "erasures.begin",
    insert(erasures)
    .values(subject_hash=_subject_hash, user_id=_user_id)
    .on_conflict_do_nothing()
    .returning(e.began_at),
    scalar,
)
_LOCK = Change(
    "erasures.lock",
    select(e.user_id).where(e.subject_hash == _subject_hash, _is_unfinished).with_for_update(),
    scalar,
)
_IS_UNDER_WAY = Query(
    "erasures.is_under_way", select(e.user_id).where(e.subject_hash == _subject_hash, _is_unfinished), scalar
)
_DELETE_USER = Change("users.erase", delete(users).where(u.id == _user_id).returning(u.id), scalar)
_FINISH = Change(
    "erasures.finish",
    update(erasures).where(e.subject_hash == _subject_hash).values(user_id=null(), finished_at=func.now()),
    scalar,
)
_UNKNOWN = Query(
    "erasures.unknown",
    select(_given.c.subject_hash)
    .select_from(_given.outerjoin(erasures, e.subject_hash == _given.c.subject_hash))
    .where(e.subject_hash.is_(None))
    .order_by(_given.c.subject_hash),
    scalar,
)
# Makes the digest of every account: for a million of them 0.7 s with 3 digests and 0.9 s with 10,003 (2 shared cores,
# PostgreSQL 18.4, 2026-11-21). Nothing but a restored backup leads here.
_SUMMON = Change(
    "users.summon",
    update(users)
    .where(_digest.in_(select(_given.c.subject_hash)))
    .values(deletion_scheduled_at=func.least(u.deletion_scheduled_at, func.now()))
    .returning(u.id),
    scalar,
)
_NOTE = Change(
    "erasures.note",
    insert(erasures)
    .from_select(["subject_hash", "finished_at"], select(_given.c.subject_hash, func.now()))
    .on_conflict_do_nothing(),
    scalar,
)
_ALL = Query("erasures.all", select(e.subject_hash, e.began_at).order_by(e.began_at, e.subject_hash), Erased)


async def schedule(work: Transaction, user_id: UserId, delay: timedelta) -> datetime:
    """Closes a locked account from now on; when it is to be erased."""
    due: datetime = (await work.all(_SCHEDULE, user_id=user_id, delay=delay))[0]
    work.touch(of_user(user_id))
    return due


async def scheduled_at(reader: Reader, user_id: UserId | None) -> datetime | None:
    """When the account is to be erased, if it is."""
    return await reader.first(_SCHEDULED_AT, user_id=user_id)


async def call_off(work: Transaction, user_id: UserId) -> bool:
    """Opens the account again; False if its erasure is due, or was never asked for."""
    return await work.first(_CALL_OFF, user_id=user_id) is not None


async def due(reader: Reader, limit: int) -> list[UserId]:
    """Accounts whose erasure is due, the longest first."""
    return await reader.all(_DUE, limit=limit)


async def unfinished(reader: Reader, limit: int) -> list[UserId]:
    """Whose erasure has begun, the account being gone or not; the oldest first."""
    return await reader.all(_UNFINISHED, limit=limit)


async def lock_due(work: Transaction, user_id: UserId) -> bool:
    """True if the account is there and its erasure due. From here on nobody calls it off."""
    return await work.first(_LOCK_DUE, user_id=user_id) is not None


async def begin(work: Transaction, user_id: UserId, subject_hash: bytes) -> datetime | None:
    """Notes that the erasure begins; None if it had begun before."""
    return await work.first(_BEGIN, user_id=user_id, subject_hash=subject_hash)


async def is_under_way(reader: Reader, subject_hash: bytes) -> bool:
    """True if it has begun and is not finished."""
    return await reader.first(_IS_UNDER_WAY, subject_hash=subject_hash) is not None


async def lock(work: Transaction, subject_hash: bytes) -> bool:
    """True if the erasure is under way. Nobody else goes on with it until this transaction ends."""
    return await work.first(_LOCK, subject_hash=subject_hash) is not None


async def delete_user(work: Transaction, user_id: UserId) -> bool:
    """Deletes the account with whatever is left of what hangs on it; False if it was gone."""
    is_deleted = await work.first(_DELETE_USER, user_id=user_id) is not None
    if is_deleted:
        work.touch(of_user(user_id))
    return is_deleted


async def finish(work: Transaction, subject_hash: bytes) -> None:
    """Forgets whose erasure it was, now that nothing is left to do."""
    await work.run(_FINISH, subject_hash=subject_hash)


async def unknown(reader: Reader, hashes: list[bytes]) -> list[bytes]:
    """Those of the digests whose erasure has not even begun in this database."""
    return await reader.all(_UNKNOWN, hashes=hashes)


async def summon(work: Transaction, hashes: list[bytes]) -> list[UserId]:
    """Closes the accounts with these digests, their erasure being due; which they are."""
    summoned = await work.all(_SUMMON, hashes=hashes)
    work.touch(*map(of_user, summoned))
    return summoned


async def note(work: Transaction, hashes: list[bytes]) -> None:
    """Takes over digests that no account has: they are erased already. What is under way here stays so."""
    await work.run(_NOTE, hashes=hashes)


async def every(reader: Reader) -> list[Erased]:
    """All erasures that have begun, the oldest first."""
    return await reader.all(_ALL)
