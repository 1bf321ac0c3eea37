"""The SQL of recovery codes, and of how often codes were sent."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import (
    ARRAY,
    Integer,
    Interval,
    LargeBinary,
    and_,
    bindparam,
    case,
    cast,
    delete,
    extract,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from app.database.executor import Reader, Transaction
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.ids import UserId
from app.domain.second_factors.tables import code_sendings, recovery_codes

r, s = recovery_codes.c, code_sendings.c

_user_id = bindparam("user_id", type_=uuid)
_recipient = bindparam("recipient", type_=LargeBinary)
_maximum = bindparam("maximum", type_=Integer)
_window = bindparam("window", type_=Interval)
_pause = bindparam("pause", type_=Interval)
_is_over = s.since <= func.now() - _window
_DELETE = Change("recovery_codes.delete", delete(recovery_codes).where(r.user_id == _user_id), scalar)
_INSERT = Change(
    "recovery_codes.insert",
    insert(recovery_codes).from_select(
        ["user_id", "code_hash"], select(_user_id, func.unnest(bindparam("hashes", type_=ARRAY(LargeBinary))))
    ),
    scalar,
)
_TAKE = Change(
    "recovery_codes.take",
    update(recovery_codes)
    .where(r.user_id == _user_id, r.code_hash == bindparam("code_hash", type_=LargeBinary), r.used_at.is_(None))
    .values(used_at=func.now())
    .returning(r.user_id),
    scalar,
)
_LEFT = Query(
    "recovery_codes.left",
    select(func.count()).select_from(recovery_codes).where(r.user_id == _user_id, r.used_at.is_(None)),
    scalar,
)
_ADMIT = Change(
    "code_sendings.admit",
    insert(code_sendings)
    .values(recipient_index=_recipient, sent=1, since=func.now(), last_at=func.now())
    .on_conflict_do_update(
        index_elements=[s.recipient_index],
        set_={
            "sent": case((_is_over, 1), else_=s.sent + 1),
            "since": case((_is_over, func.now()), else_=s.since),
            "last_at": func.now(),
        },
        where=and_(or_(_is_over, s.sent < _maximum), s.last_at <= func.now() - _pause),
    )
    .returning(s.sent),
    scalar,
)
_next_at = case((s.sent >= _maximum, s.since + _window), else_=s.last_at + _pause)
_SECONDS_LEFT = Query(
    "code_sendings.seconds_left",
    select(cast(func.ceil(extract("epoch", _next_at - func.now())), Integer)).where(s.recipient_index == _recipient),
    scalar,
)
_old = (
    select(s.recipient_index)
    .where(s.since <= func.now() - _window)
    .order_by(s.since)
    .limit(bindparam("limit", type_=Integer))
)
_chosen = _old.with_for_update(skip_locked=True).cte("chosen")
_PURGE = Change(
    "code_sendings.purge",
    delete(code_sendings).where(s.recipient_index == _chosen.c.recipient_index).returning(s.sent),
    scalar,
)


async def replace_recovery_codes(work: Transaction, user_id: UserId, hashes: Sequence[bytes]) -> None:
    """Stores a set of codes; all that there were before, used or not, are gone."""
    await work.run(_DELETE, user_id=user_id)
    if hashes:
        await work.run(_INSERT, user_id=user_id, hashes=list(hashes))


async def take_recovery_code(work: Transaction, user_id: UserId, code_hash: bytes) -> bool:
    """Accepts an unused code; False if there is none such. Simultaneous takers wait in line."""
    return await work.first(_TAKE, user_id=user_id, code_hash=code_hash) is not None


async def recovery_codes_left(reader: Reader, user_id: UserId) -> int:
    """How many codes are unused."""
    return await reader.first(_LEFT, user_id=user_id) or 0


async def admit_sending(
    work: Transaction, recipient: bytes, *, maximum: int, window: timedelta, pause: timedelta
) -> bool:
    """Counts a sending; False if there were `maximum` within `window` already, or the last was within `pause`."""
    limits = {"maximum": maximum, "window": window, "pause": pause}
    return await work.first(_ADMIT, recipient=recipient, **limits) is not None


async def seconds_until_sending(
    reader: Reader, recipient: bytes, *, maximum: int, window: timedelta, pause: timedelta
) -> int:
    """After how many seconds the next code may be sent."""
    limits = {"maximum": maximum, "window": window, "pause": pause}
    return await reader.first(_SECONDS_LEFT, recipient=recipient, **limits) or 0


async def purge_sendings(work: Transaction, *, limit: int, window: timedelta) -> int:
    """Deletes at most `limit` counts that began more than `window` ago; says how many."""
    return len(await work.all(_PURGE, limit=limit, window=window))
