"""What the database holds of a session, for tests to look at."""

from sqlalchemy import bindparam, select

from app.database.executor import Database
from app.database.schema import uuid
from app.database.statements import Query, scalar
from app.domain.identity.repository import SESSION
from app.domain.identity.session import Session
from app.domain.identity.tables import refresh_tokens, sessions
from app.domain.ids import SessionId

_id = bindparam("session_id", type_=uuid)
_WHOLE = Query("tests.session", select(*SESSION).where(sessions.c.id == _id), Session)
_ENDING = Query("tests.ending", select(sessions.c.revoked_reason).where(sessions.c.id == _id), scalar)
_TOKENS = Query("tests.tokens", select(refresh_tokens.c.token_hash).where(refresh_tokens.c.session_id == _id), scalar)


async def session(database: Database, session_id: SessionId) -> Session | None:
    """The session, live or not; None once it is deleted."""
    return await database.reader.first(_WHOLE, session_id=session_id)


async def ending(database: Database, session_id: SessionId) -> str | None:
    """Why the session was revoked, if it was."""
    return await database.reader.first(_ENDING, session_id=session_id)


async def tokens_of(database: Database, session_id: SessionId) -> list[bytes]:
    """The hashes of the session's refresh tokens, used ones included."""
    return await database.reader.all(_TOKENS, session_id=session_id)
