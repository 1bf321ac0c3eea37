"""Postgres' clock cannot be turned, so tests turn back what is compared with it."""

from datetime import timedelta

from sqlalchemy import Interval, LargeBinary, bindparam, func, update

from app.database.executor import Database
from app.database.schema import uuid
from app.database.statements import Change, scalar
from app.domain.guesses.tables import guesses
from app.domain.identity.refresh_tokens import fingerprint
from app.domain.identity.tables import mailed_tokens, refresh_tokens, sessions
from app.domain.ids import SessionId, UserId

_SECOND_AGO = sessions.c.created_at - timedelta(seconds=1)
_session = sessions.c.id == bindparam("session_id", type_=uuid)
_IDLE = Change("tests.idle", update(sessions).where(_session).values(idle_expires_at=_SECOND_AGO), scalar)
_OLD = Change("tests.old", update(sessions).where(_session).values(expires_at=_SECOND_AGO), scalar)
_UNPROVED = Change(
    "tests.unproved", update(sessions).where(_session).values(fresh_until=func.now() - timedelta(seconds=1)), scalar
)
_GUESSED_EARLIER = Change(
    "tests.guessed_earlier",
    update(guesses)
    .where(guesses.c.user_id == bindparam("user_id", type_=uuid))
    .values(since=guesses.c.since - bindparam("by", type_=Interval)),
    scalar,
)
_MAILED_EARLIER = Change(
    "tests.mailed_earlier", update(mailed_tokens).values(expires_at=func.now() - timedelta(seconds=1)), scalar
)
_USED_EARLIER = Change(
    "tests.used_earlier",
    update(refresh_tokens)
    .where(refresh_tokens.c.token_hash == bindparam("hash", type_=LargeBinary))
    .values(used_at=refresh_tokens.c.used_at - bindparam("by", type_=Interval)),
    scalar,
)


async def let_idle_expiry_pass(database: Database, session_id: SessionId) -> None:
    """The session was not refreshed in time."""
    async with database.transaction() as work:
        await work.run(_IDLE, session_id=session_id)


async def let_absolute_expiry_pass(database: Database, session_id: SessionId) -> None:
    """The session is as old as sessions get, however often it was refreshed."""
    async with database.transaction() as work:
        await work.run(_OLD, session_id=session_id)


async def let_proof_age(database: Database, session_id: SessionId) -> None:
    """The session was proved longer ago than counts as fresh."""
    async with database.transaction() as work:
        await work.run(_UNPROVED, session_id=session_id)


async def let_time_pass_since_guesses(database: Database, user_id: UserId, by: timedelta) -> None:
    """The user's wrong guesses began that much earlier."""
    async with database.transaction() as work:
        await work.run(_GUESSED_EARLIER, user_id=user_id, by=by)


async def let_mailed_tokens_expire(database: Database) -> None:
    """All that were mailed so far were mailed more than an hour ago."""
    async with database.transaction() as work:
        await work.run(_MAILED_EARLIER)


async def let_time_pass_since_use(database: Database, refresh_token: str, by: timedelta) -> None:
    """The token was used that much earlier."""
    async with database.transaction() as work:
        await work.run(_USED_EARLIER, hash=fingerprint(refresh_token), by=by)
