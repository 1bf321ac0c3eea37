"""The SQL of fresh sessions: those that were proved in the last minutes."""

from datetime import datetime

from sqlalchemy import Interval, bindparam, func, select, update

from app.database.executor import Reader, Transaction
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.identity.repository import LIVE
from app.domain.identity.session import Lifetimes
from app.domain.identity.tables import sessions
from app.domain.ids import SessionId, UserId

s = sessions.c

_id = bindparam("session_id", type_=uuid)
_user_id = bindparam("user_id", type_=uuid)
_fresh = bindparam("fresh", type_=Interval)
_PROVE = Change(
    "sessions.prove",
    update(sessions).where(s.id == _id, LIVE).values(fresh_until=func.now() + _fresh).returning(s.fresh_until),
    scalar,
)
_FRESH = Query("sessions.fresh", select(s.id).where(s.id == _id, LIVE, s.fresh_until > func.now()), scalar)
_UNPROVE_OTHERS = Change(
    "sessions.unprove_others",
    update(sessions)
    .where(s.user_id == _user_id, s.id != bindparam("kept_id", type_=uuid), s.fresh_until > func.now())
    .values(fresh_until=None),
    scalar,
)


async def prove(work: Transaction, session_id: SessionId, lifetimes: Lifetimes) -> datetime | None:
    """Makes a session fresh; until when it is, or None if it has ended."""
    return await work.first(_PROVE, session_id=session_id, fresh=lifetimes.fresh)


async def is_fresh(reader: Reader, session_id: SessionId) -> bool:
    """True if the session lives and was proved within the time that counts as fresh."""
    return await reader.first(_FRESH, session_id=session_id) is not None


async def unprove_others(work: Transaction, user_id: UserId, *, kept: SessionId) -> None:
    """Leaves none of the user's sessions fresh but the one that is `kept`."""
    await work.run(_UNPROVE_OTHERS, user_id=user_id, kept_id=kept)
