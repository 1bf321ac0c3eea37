"""The SQL of second factors. Whatever accepts a proof uses it up in the same statement: nothing is accepted twice."""

from datetime import timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    Integer,
    Interval,
    LargeBinary,
    Text,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from app.database.executor import Reader, Transaction, Writer
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.ids import FactorId, UserId
from app.domain.second_factors.factor import Factor, Method
from app.domain.second_factors.tables import second_factors
from app.domain.users.tables import users

# Somebody who has not finished setting a factor up by then begins anew.
PENDING = timedelta(minutes=30)

f, u = second_factors.c, users.c

_id = bindparam("factor_id", type_=uuid)
_user_id = bindparam("user_id", type_=uuid)
_method = bindparam("method", type_=Text)
_sealed = bindparam("sealed", type_=LargeBinary)
_hash = bindparam("hash", type_=LargeBinary)
_step = bindparam("step", type_=BigInteger)
_lifetime = bindparam("lifetime", type_=Interval)
_COLUMNS = (f.id, f.user_id, f.method, f.sealed, f.last_step, f.created_at, f.confirmed_at, f.last_used_at)
_is_confirmed = f.confirmed_at.is_not(None)
_is_pending = and_(f.confirmed_at.is_(None), f.created_at > func.now() - PENDING)
_of_method = and_(f.user_id == _user_id, f.method == _method)


def _factor(*row: object) -> Factor:
    return Factor(row[0], row[1], Method(row[2]), *row[3:])  # type: ignore[arg-type]  # the columns above


_CONFIRMED = Query(
    "second_factors.confirmed",
    select(*_COLUMNS).where(f.user_id == _user_id, _is_confirmed).order_by(f.confirmed_at, f.id).limit(len(Method)),
    _factor,
)
_PENDING = Query("second_factors.pending", select(*_COLUMNS).where(_of_method, _is_pending), _factor)
_BEGIN = Change(
    "second_factors.begin",
    insert(second_factors)
    .values(id=_id, user_id=_user_id, method=_method, sealed=_sealed)
    .on_conflict_do_update(
        index_elements=[f.user_id, f.method],
        index_where=f.confirmed_at.is_(None),
        set_={
            "id": _id,
            "sealed": _sealed,
            "created_at": func.now(),
            "last_step": None,
            "code_hash": None,
            "code_expires_at": None,
            "code_tries": 0,
        },
    )
    .returning(*_COLUMNS),
    _factor,
)
_CONFIRM = Change(
    "second_factors.confirm",
    update(second_factors).where(f.id == _id, _is_pending).values(confirmed_at=func.now()).returning(*_COLUMNS),
    _factor,
)
_REMOVE = Change(
    "second_factors.remove", delete(second_factors).where(_of_method, _is_confirmed).returning(f.id), scalar
)
_REMOVE_ALL = Change(
    "second_factors.remove_all", delete(second_factors).where(f.user_id == _user_id).returning(_is_confirmed), scalar
)
_TAKE_STEP = Change(
    "second_factors.take_step",
    update(second_factors)
    .where(f.id == _id, or_(f.last_step.is_(None), f.last_step < _step))
    .values(last_step=_step, last_used_at=func.now())
    .returning(f.id),
    scalar,
)
_SET_CODE = Change(
    "second_factors.set_code",
    update(second_factors)
    .where(f.id == _id)
    .values(code_hash=_hash, code_expires_at=func.now() + _lifetime, code_tries=0),
    scalar,
)
_TRY_CODE = Change(
    "second_factors.try_code",
    update(second_factors)
    .where(f.id == _id, f.code_expires_at > func.now(), f.code_tries < bindparam("tries", type_=Integer))
    .values(code_tries=f.code_tries + 1)
    .returning(f.code_hash),
    scalar,
)
_TAKE_CODE = Change(
    "second_factors.take_code",
    update(second_factors)
    .where(f.id == _id, f.code_hash == _hash, f.code_expires_at > func.now())
    .values(code_hash=None, last_used_at=func.now())
    .returning(f.id),
    scalar,
)
_SWITCH = Change(
    "second_factors.switch",
    update(users)
    .where(u.id == _user_id)
    .values(
        second_factor_since=case(
            (bindparam("is_on", type_=Boolean), func.coalesce(u.second_factor_since, func.now())), else_=None
        )
    ),
    scalar,
)
_stale = (
    select(f.id)
    .where(f.confirmed_at.is_(None), f.created_at <= func.now() - PENDING)
    .order_by(f.created_at)
    .limit(bindparam("limit", type_=Integer))
)
_chosen = _stale.with_for_update(skip_locked=True).cte("chosen")
_PURGE = Change("second_factors.purge", delete(second_factors).where(f.id == _chosen.c.id).returning(f.id), scalar)


async def confirmed(reader: Reader, user_id: UserId) -> list[Factor]:
    """The factors of a user that count, the oldest first; at most one of each kind."""
    return await reader.all(_CONFIRMED, user_id=user_id)


async def pending(reader: Reader, user_id: UserId, method: Method) -> Factor | None:
    """The factor of this kind that the user is setting up, unless that was begun too long ago."""
    return await reader.first(_PENDING, user_id=user_id, method=method.value)


async def begin(
    work: Transaction, factor_id: FactorId, *, user_id: UserId, method: Method, sealed: bytes | None
) -> Factor:
    """Stores a factor that is to be confirmed, in the place of another one of its kind that is."""
    rows = await work.all(_BEGIN, factor_id=factor_id, user_id=user_id, method=method.value, sealed=sealed)
    return rows[0]


async def confirm(work: Transaction, factor: Factor) -> Factor | None:
    """Makes a pending factor count, instead of the one of its kind that did; None if it is not pending any more."""
    await work.run(_REMOVE, user_id=factor.user_id, method=factor.method.value)
    return await work.first(_CONFIRM, factor_id=factor.id)


async def remove(work: Transaction, user_id: UserId, method: Method) -> bool:
    """Deletes the factor of this kind that counts; False if there is none."""
    return await work.first(_REMOVE, user_id=user_id, method=method.value) is not None


async def remove_all(work: Transaction, user_id: UserId) -> bool:
    """Deletes all factors of a user, pending ones as well; False if none counted."""
    return any(await work.all(_REMOVE_ALL, user_id=user_id))


async def take_step(work: Transaction, factor_id: FactorId, step: int) -> bool:
    """Accepts a time step; False if it was accepted before, or a later one was. Simultaneous takers wait in line."""
    return await work.first(_TAKE_STEP, factor_id=factor_id, step=step) is not None


async def set_code(work: Transaction, factor_id: FactorId, code_hash: bytes, *, lifetime: timedelta) -> None:
    """Stores the hash of a code that is being sent; the one before is worth nothing from now on."""
    await work.run(_SET_CODE, factor_id=factor_id, hash=code_hash, lifetime=lifetime)


async def try_code(work: Writer, factor_id: FactorId, *, tries: int) -> bytes | None:
    """Counts a try; the hash of the code that was sent, or None if it is used, too old or was tried `tries` times."""
    return await work.first(_TRY_CODE, factor_id=factor_id, tries=tries)


async def take_code(work: Transaction, factor_id: FactorId, code_hash: bytes) -> bool:
    """Accepts the code that was sent; False if that has happened already, or a newer one was sent meanwhile."""
    return await work.first(_TAKE_CODE, factor_id=factor_id, hash=code_hash) is not None


async def switch(work: Transaction, user_id: UserId, *, is_on: bool) -> None:
    """Says of a locked user whether a login takes two steps. Nothing of this is shown to others."""
    await work.run(_SWITCH, user_id=user_id, is_on=is_on)


async def purge(work: Transaction, *, limit: int) -> int:
    """Deletes at most `limit` factors that nobody finished setting up; says how many."""
    return len(await work.all(_PURGE, limit=limit))
