"""Postgres' clock cannot be turned, so tests turn back what is compared with it; and what it holds of a key."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Interval, bindparam, select, update

from app.database.executor import Database
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.identity.tables import api_keys
from app.domain.ids import ApiKeyId

k = api_keys.c
_id = bindparam("api_key_id", type_=uuid)
_by = bindparam("by", type_=Interval)
_EARLIER = Change(
    "tests.key_earlier",
    update(api_keys)
    .where(k.id == _id)
    .values(created_at=k.created_at - _by, expires_at=k.expires_at - _by, revoked_at=k.revoked_at - _by),
    scalar,
)
_USED_EARLIER = Change(
    "tests.key_used_earlier", update(api_keys).where(k.id == _id).values(last_used_at=k.last_used_at - _by), scalar
)
_USE = Query("tests.key_use", select(k.last_used_at, k.last_used_address).where(k.id == _id), lambda *row: row)
_ENDING = Query("tests.key_ending", select(k.revoked_reason).where(k.id == _id), scalar)
_EVERYTHING = Query("tests.key", select(*k).where(k.id == _id), lambda *row: row)


async def let_time_pass(database: Database, api_key_id: ApiKeyId, by: timedelta) -> None:
    """The key was made, and ended, that much earlier."""
    async with database.transaction() as work:
        await work.run(_EARLIER, api_key_id=api_key_id, by=by)


async def let_time_pass_since_use(database: Database, api_key_id: ApiKeyId, by: timedelta) -> None:
    """The key was last used that much earlier."""
    async with database.transaction() as work:
        await work.run(_USED_EARLIER, api_key_id=api_key_id, by=by)


async def last_use(database: Database, api_key_id: ApiKeyId) -> Any:
    """When and from where."""
    return await database.reader.first(_USE, api_key_id=api_key_id)


async def ending(database: Database, api_key_id: ApiKeyId) -> str | None:
    """Why the key was revoked, if it was."""
    return await database.reader.first(_ENDING, api_key_id=api_key_id)


async def stored(database: Database, api_key_id: ApiKeyId) -> Any:
    """Every column of the key; None once it is deleted."""
    return await database.reader.first(_EVERYTHING, api_key_id=api_key_id)
