"""Postgres' clock cannot be turned, so tests turn back what is compared with it."""

from datetime import timedelta

from sqlalchemy import Interval, bindparam, update

from app.database.executor import Database
from app.database.schema import uuid
from app.database.statements import Change, scalar
from app.domain.identity.tables import login_challenges
from app.domain.ids import UserId
from app.domain.second_factors.tables import code_sendings, second_factors

f, s, c = second_factors.c, code_sendings.c, login_challenges.c
_by = bindparam("by", type_=Interval)
_user_id = bindparam("user_id", type_=uuid)
_SENT = Change(
    "tests.sent_earlier",
    update(second_factors).where(f.user_id == _user_id).values(code_expires_at=f.code_expires_at - _by),
    scalar,
)
_BEGUN = Change(
    "tests.begun_earlier",
    update(second_factors).where(f.user_id == _user_id).values(created_at=f.created_at - _by),
    scalar,
)
_COUNTED = Change(
    "tests.counted_earlier", update(code_sendings).values(since=s.since - _by, last_at=s.last_at - _by), scalar
)
_CHALLENGED = Change(
    "tests.challenged_earlier",
    update(login_challenges).where(c.user_id == _user_id).values(expires_at=c.expires_at - _by),
    scalar,
)


async def let_time_pass_since_code(database: Database, user_id: UserId, by: timedelta) -> None:
    """The user's codes were sent that much earlier."""
    async with database.transaction() as work:
        await work.run(_SENT, user_id=user_id, by=by)


async def let_time_pass_since_begin(database: Database, user_id: UserId, by: timedelta) -> None:
    """The user began to set factors up that much earlier."""
    async with database.transaction() as work:
        await work.run(_BEGUN, user_id=user_id, by=by)


async def let_time_pass_since_sendings(database: Database, by: timedelta) -> None:
    """All codes were sent that much earlier, as far as their number is limited."""
    async with database.transaction() as work:
        await work.run(_COUNTED, by=by)


async def let_time_pass_since_challenge(database: Database, user_id: UserId, by: timedelta) -> None:
    """The user proved the password that much earlier."""
    async with database.transaction() as work:
        await work.run(_CHALLENGED, user_id=user_id, by=by)
