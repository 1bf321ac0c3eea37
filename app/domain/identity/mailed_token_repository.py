"""The SQL of mailed tokens.

Whether an address has an account is decided inside the statements: each does the same work for one that has and for one
that has not. Who needs several locks takes that of the address first, then the user's, then those of tokens.
"""

from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    Integer,
    Interval,
    LargeBinary,
    Select,
    Text,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    null,
    select,
    true,
    update,
)
from sqlalchemy.sql import ColumnElement

from app.database.executor import Reader, Transaction
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.identity.mailed_tokens import LIFETIME, PER_ADDRESS, Purpose, Written
from app.domain.identity.refresh_tokens import fingerprint
from app.domain.identity.tables import mailed_tokens
from app.domain.ids import UserId
from app.domain.text import fold
from app.domain.users.repository import HOLDER, PasswordHolder
from app.domain.users.tables import may_come_in, users

m, u = mailed_tokens.c, users.c


class Pending(Struct, frozen=True):
    """Somebody who has registered and not yet shown that the address is theirs."""

    email: str
    name: str
    password_hash: str
    timezone: str


class Confirmed(Struct, frozen=True):
    """An address that its owner has confirmed, and when."""

    email: str
    at: datetime


_token_hash = bindparam("token_hash", type_=LargeBinary)
_email = bindparam("email", type_=Text)
_email_key = bindparam("email_key", type_=Text)
_user_id = bindparam("user_id", type_=uuid)
_limit = bindparam("limit", type_=Integer)
_purpose = bindparam("purpose", type_=Text)
_kept = bindparam("kept", type_=LargeBinary)
_registered = ("name", "password_hash", "timezone")
_is_live = m.expires_at > func.now()
_is_this = (m.token_hash == _token_hash) & (m.purpose == _purpose) & m.is_good & _is_live
_good_for_nothing = {"is_good": False} | {name: null() for name in _registered}


def _writing(purpose: Purpose, name: str, source: Select[Any], *, limited: bool = True) -> Change[Written]:
    """Stores what `source` selects, unless the address has had all its mail for this purpose."""
    sent = select(func.count()).where(m.email_key == _email_key, m.purpose == purpose.value, _is_live).scalar_subquery()
    columns = ["token_hash", "expires_at", "email_key", "purpose", "is_good", "email", "user_id", *_registered]
    return Change(
        f"mailed_tokens.{name}",
        insert(mailed_tokens)
        .from_select(columns, source.where(sent < PER_ADDRESS) if limited else source)
        .returning(m.is_good, m.email, m.user_id),
        Written,
    )


_in_a_while = func.now() + literal(LIFETIME, Interval)


def _row(
    purpose: Purpose, is_good: ColumnElement[bool], *more: Any, expires_at: ColumnElement[Any] = _in_a_while
) -> Select[Any]:
    """A token, whether it is good for its purpose; its address, its user, and what they registered."""
    return select(_token_hash, expires_at, _email_key, literal(purpose.value, Text), is_good, *more)


_LINE_UP = Change(
    "mailed_tokens.line_up",
    # The number is a seed of their own, so that no other use of such locks meets these.
    select(func.pg_advisory_xact_lock(func.hashtextextended(_email_key, literal_column("5321")))),
    scalar,
)
_one = select(literal(1, Integer).label("one")).subquery("one")
_owner = select(u.id, u.email).where(u.email_key == _email_key)
_owners_email = select(u.email).where(u.email_key == _email_key).scalar_subquery()
_is_free = ~exists(_owner)
_REGISTRATION = _writing(
    Purpose.REGISTRATION,
    "registration",
    _row(
        Purpose.REGISTRATION,
        _is_free,
        func.coalesce(_owners_email, _email),
        null(),
        *(case((_is_free, bindparam(name, type_=Text))) for name in _registered),
    ),
)
_latest = (
    select(m.email, *(m[name] for name in _registered))
    .where(m.email_key == _email_key, m.purpose == Purpose.REGISTRATION.value, m.is_good, _is_live)
    .order_by(m.created_at.desc())
    .limit(1)
    .subquery("latest")
)
_REGISTRATION_AGAIN = _writing(
    Purpose.REGISTRATION,
    "registration_again",
    _row(
        Purpose.REGISTRATION,
        _latest.c.email.is_not(None),
        func.coalesce(_latest.c.email, _owners_email, _email),
        null(),
        *(_latest.c[name] for name in _registered),
    ).select_from(_one.outerjoin(_latest, true())),
)
# Shared: a simultaneous change of password, address or access either ends this token or comes before it.
_active = _owner.where(may_come_in).with_for_update(read=True).cte("active")
_RESET = _writing(
    Purpose.PASSWORD_RESET,
    "password_reset",
    _row(
        Purpose.PASSWORD_RESET,
        _active.c.id.is_not(None),
        func.coalesce(_active.c.email, _email),
        _active.c.id,
        *(null() for _ in _registered),
    ).select_from(_one.outerjoin(_active, true())),
)
# Shared, as above: it is either called off before, or this token is ended with it.
_leaving = _owner.add_columns(u.deletion_scheduled_at.label("due")).where(u.deletion_scheduled_at > func.now())
_leaver = _leaving.with_for_update(read=True).cte("leaver")
_cancelling = _row(
    Purpose.DELETION,
    _leaver.c.id.is_not(None),
    func.coalesce(_leaver.c.email, _email),
    _leaver.c.id,
    *(null() for _ in _registered),
    expires_at=func.coalesce(_leaver.c.due, _in_a_while),
).select_from(_one.outerjoin(_leaver, true()))
_CANCELLATION = _writing(Purpose.DELETION, "first_cancellation", _cancelling, limited=False)
_CANCELLATION_AGAIN = _writing(Purpose.DELETION, "cancellation", _cancelling)
_is_anothers = exists(_owner.where(u.id != _user_id))
_EMAIL_CHANGE = _writing(
    Purpose.EMAIL_CHANGE,
    "email_change",
    _row(
        Purpose.EMAIL_CHANGE,
        ~_is_anothers,
        case((_is_anothers, _owners_email), else_=_email),
        _user_id,
        *(null() for _ in _registered),
    ),
)
_END_OF_ADDRESS = Change(
    "mailed_tokens.end_of_address",
    update(mailed_tokens)
    .where(m.email_key == _email_key, m.purpose == _purpose, m.is_good, m.token_hash.is_distinct_from(_kept))
    .values(_good_for_nothing),
    scalar,
)
_END_OF_USER = Change(
    "mailed_tokens.end_of_user",
    update(mailed_tokens)
    .where(m.user_id == _user_id, m.is_good, m.token_hash.is_distinct_from(_kept))
    .values(_good_for_nothing),
    scalar,
)
_PENDING = Query("mailed_tokens.pending", select(m.email, *(m[name] for name in _registered)).where(_is_this), Pending)
# Of an address that the account has left since, a token is good for nothing.
_RESETTING = Query(
    "mailed_tokens.resetting",
    select(*HOLDER)
    .select_from(mailed_tokens.join(users, u.id == m.user_id))
    .where(_is_this, may_come_in, u.email_key == m.email_key),
    PasswordHolder,
)
_CHANGING = Query("mailed_tokens.changing", select(m.email).where(_is_this, m.user_id == _user_id), scalar)
_LEAVING = Query("mailed_tokens.leaving", select(m.user_id).where(_is_this), scalar)
_DELETE_CANCELLATIONS = Change(
    "mailed_tokens.delete_cancellations",
    delete(mailed_tokens).where(m.user_id == _user_id, m.purpose == Purpose.DELETION.value),
    scalar,
)
_TAKE = Change("mailed_tokens.take", delete(mailed_tokens).where(_is_this).returning(m.email, func.now()), Confirmed)
_expired = select(m.token_hash).where(~_is_live).order_by(m.expires_at).limit(_limit)
_chosen = _expired.with_for_update(skip_locked=True).cte("chosen")
_PURGE = Change(
    "mailed_tokens.purge",
    delete(mailed_tokens).where(m.token_hash == _chosen.c.token_hash).returning(m.token_hash),
    scalar,
)


async def line_up(work: Transaction, email: str) -> None:
    """From here on nobody else writes or uses tokens of this address until this transaction ends."""
    await work.run(_LINE_UP, email_key=fold(email))


async def write_registration(work: Transaction, token: str, pending: Pending) -> Written | None:
    """Stores a token for a registration, good unless the address has an account; None if it has had all its mail."""
    values = {name: getattr(pending, name) for name in ("email", *_registered)}
    return await work.first(_REGISTRATION, token_hash=fingerprint(token), email_key=fold(pending.email), **values)


async def write_registration_again(work: Transaction, token: str, email: str) -> Written | None:
    """Stores another token for the newest registration of an address, good if there is one; None as above."""
    return await work.first(_REGISTRATION_AGAIN, token_hash=fingerprint(token), email_key=fold(email), email=email)


async def write_reset(work: Transaction, token: str, email: str) -> Written | None:
    """Stores a token for a new password, good if the address has an active account; None as above. Locks the user."""
    return await work.first(_RESET, token_hash=fingerprint(token), email_key=fold(email), email=email)


async def write_email_change(work: Transaction, token: str, user_id: UserId, email: str) -> Written | None:
    """Stores a token for a new address of a user, good unless another account has it; None as above."""
    return await work.first(
        _EMAIL_CHANGE, token_hash=fingerprint(token), email_key=fold(email), email=email, user_id=user_id
    )


async def write_cancellation(work: Transaction, token: str, email: str) -> None:
    """Stores a token that calls a scheduled deletion off, good until it is due, however much mail the address has had.

    Others can have used its mail up, and this token is the owner's way back. Locks the user.
    """
    await work.run(_CANCELLATION, token_hash=fingerprint(token), email_key=fold(email), email=email)


async def write_cancellation_again(work: Transaction, token: str, email: str) -> Written | None:
    """Stores another such token, good if a deletion is scheduled; None as above. Locks the user."""
    return await work.first(_CANCELLATION_AGAIN, token_hash=fingerprint(token), email_key=fold(email), email=email)


async def end_of_address(work: Transaction, email: str, purpose: Purpose, *, kept: str | None = None) -> None:
    """Makes the tokens of an address for this purpose good for nothing, but the one that is `kept`."""
    kept_hash = None if kept is None else fingerprint(kept)
    await work.run(_END_OF_ADDRESS, email_key=fold(email), purpose=purpose.value, kept=kept_hash)


async def end_of_user(work: Transaction, user_id: UserId, *, kept: str | None = None) -> None:
    """Makes all tokens of a user good for nothing, but the one that is `kept`."""
    await work.run(_END_OF_USER, user_id=user_id, kept=None if kept is None else fingerprint(kept))


async def pending(reader: Reader, token: str) -> Pending | None:
    """The registration that a token confirms."""
    return await reader.first(_PENDING, token_hash=fingerprint(token), purpose=Purpose.REGISTRATION.value)


async def resetting(reader: Reader, token: str) -> PasswordHolder | None:
    """The active user who may choose a new password by a token that went to the address that they have now."""
    return await reader.first(_RESETTING, token_hash=fingerprint(token), purpose=Purpose.PASSWORD_RESET.value)


async def changing(reader: Reader, token: str, user_id: UserId) -> str | None:
    """The new address of this user that a token confirms."""
    purpose = Purpose.EMAIL_CHANGE.value
    return await reader.first(_CHANGING, token_hash=fingerprint(token), purpose=purpose, user_id=user_id)


async def leaving(reader: Reader, token: str) -> UserId | None:
    """Whose deletion a token calls off."""
    return await reader.first(_LEAVING, token_hash=fingerprint(token), purpose=Purpose.DELETION.value)


async def delete_cancellations(work: Transaction, user_id: UserId) -> None:
    """Forgets the tokens that called the user's deletion off, so that they do not count against the next one."""
    await work.run(_DELETE_CANCELLATIONS, user_id=user_id)


async def take(work: Transaction, token: str, purpose: Purpose) -> Confirmed | None:
    """Uses a token up: of simultaneous takers one gets what it confirms, the others wait and get None."""
    return await work.first(_TAKE, token_hash=fingerprint(token), purpose=purpose.value)


async def purge(work: Transaction, *, limit: int) -> int:
    """Deletes at most `limit` tokens that have expired; says how many."""
    return len(await work.all(_PURGE, limit=limit))
