"""The SQL of what people do with the list of their sessions: naming one, and keeping the list short."""

from sqlalchemy import Integer, Text, bindparam, select, update

from app.database.executor import Reader, Transaction
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.identity.cache_tags import of_session
from app.domain.identity.repository import ENDED, LIVE, SESSION, s
from app.domain.identity.session import Ending, Session
from app.domain.identity.tables import sessions
from app.domain.ids import SessionId, UserId

_id = bindparam("session_id", type_=uuid)
_user_id = bindparam("user_id", type_=uuid)
_LABEL = Change(
    "sessions.label",
    update(sessions)
    .where(s.id == _id, s.user_id == _user_id, LIVE)
    .values(label=bindparam("new_label", type_=Text))
    .returning(*SESSION),
    Session,
)
_OWN = Query("sessions.own", select(*SESSION).where(s.id == _id, s.user_id == _user_id, LIVE), Session)
_surplus = (
    select(s.id)
    .where(s.user_id == _user_id, LIVE, s.id != _id)
    .order_by(s.last_seen_at.desc(), s.id.desc())
    .offset(bindparam("others", type_=Integer))
)
_END_SURPLUS = Change(
    "sessions.end_surplus", update(sessions).where(s.id.in_(_surplus)).values(ENDED).returning(s.id), scalar
)


async def own(reader: Reader, session_id: SessionId, *, user_id: UserId) -> Session | None:
    """A live session of this user."""
    return await reader.first(_OWN, session_id=session_id, user_id=user_id)


async def label(work: Transaction, session_id: SessionId, *, user_id: UserId, label: str | None) -> Session | None:
    """Names a live session of this user, or takes its name away; None if there is none. No cached value shows it."""
    return await work.first(_LABEL, session_id=session_id, user_id=user_id, new_label=label)


async def end_surplus(work: Transaction, user_id: UserId, *, kept: SessionId, maximum: int) -> list[SessionId]:
    """Ends what is beyond `maximum` sessions, those first that were not seen for longest, and never `kept`; which.

    Exact for whoever holds the user's row, as opening a session does.
    """
    ended_ids = await work.all(
        _END_SURPLUS, user_id=user_id, session_id=kept, others=maximum - 1, reason=Ending.TOO_MANY.value
    )
    if ended_ids:
        work.touch(*(of_session(session_id) for session_id in ended_ids))
    return ended_ids
