"""The SQL of API keys. Every clock is Postgres' own: workers cannot disagree on what has expired."""

from datetime import timedelta
from functools import cache

from msgspec import Struct
from sqlalchemy import (
    ARRAY,
    Double,
    Interval,
    LargeBinary,
    Text,
    and_,
    bindparam,
    cast,
    column,
    delete,
    extract,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.database.executor import Reader, Transaction
from app.database.newest_first import LIMIT, Walk, walked
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.identity.api_key import ApiKey, ApiKeyDraft, KeyEnding
from app.domain.identity.cache_tags import of_api_key
from app.domain.identity.tables import api_keys
from app.domain.ids import ApiKeyId, TeamId, UserId, uuid7
from app.domain.pages import PageRequest
from app.domain.teams.tables import team_memberships, teams
from app.domain.users.cache_tags import of_user
from app.domain.users.tables import may_come_in, users

USE_RECORDED_EVERY = timedelta(minutes=1)

k, u = api_keys.c, users.c

_id = bindparam("api_key_id", type_=uuid)
_user_id = bindparam("user_id", type_=uuid)
_ending = {"revoked_at": func.now(), "revoked_reason": bindparam("reason", type_=Text)}
_LIVE = and_(k.revoked_at.is_(None), k.expires_at > func.now())
_COLUMNS = (k.id, k.name, k.scopes, k.created_at, k.expires_at, k.last_used_at, k.last_used_address)


class KeyHolder(Struct, frozen=True):
    """Which key has a hash, and whose it is: true for ever, as neither changes."""

    token_hash: bytes
    id: ApiKeyId
    user_id: UserId


class KeyPresence(Struct, frozen=True):
    """What the gate learns about a live key of an active user."""

    api_key_id: ApiKeyId
    user_id: UserId
    personal_team_id: TeamId
    timezone: str
    roles: list[str]
    team_ids: list[TeamId]
    scopes: list[str]
    lives_seconds: float


_HOLDERS = Query(
    "api_keys.holders",
    select(k.token_hash, k.id, k.user_id).where(
        k.token_hash == func.any(bindparam("hashes", type_=ARRAY(LargeBinary)))
    ),
    KeyHolder,
)
_team_ids = (
    select(func.array_agg(aggregate_order_by(team_memberships.c.team_id, team_memberships.c.team_id)))
    .where(team_memberships.c.user_id == u.id)
    .scalar_subquery()
)
_lives_seconds = cast(extract("epoch", k.expires_at - func.now()), Double)
_PRESENT = Query(
    "api_keys.present",
    select(k.id, u.id, teams.c.id, u.timezone, u.roles, _team_ids, k.scopes, _lives_seconds)
    .select_from(api_keys.join(users, u.id == k.user_id).join(teams, teams.c.personal_user_id == u.id))
    .where(k.id == func.any(bindparam("ids", type_=ARRAY(uuid))), _LIVE, may_come_in),
    KeyPresence,
)
_INSERT = Change(
    "api_keys.insert",
    insert(api_keys)
    .values(
        id=_id,
        user_id=_user_id,
        name=bindparam("name", type_=Text),
        token_hash=bindparam("token_hash", type_=LargeBinary),
        scopes=bindparam("scopes", type_=ARRAY(Text)),
        expires_at=func.now() + bindparam("lives", type_=Interval),
    )
    .returning(*_COLUMNS),
    ApiKey,
)
_REVOKE = Change(
    "api_keys.revoke",
    update(api_keys).where(k.id == _id, k.user_id == _user_id, _LIVE).values(_ending).returning(*_COLUMNS),
    ApiKey,
)
_REVOKE_ALL = Change(
    "api_keys.revoke_all",
    update(api_keys).where(k.user_id == _user_id, _LIVE).values(_ending).returning(k.id),
    scalar,
)
_ONE = Query("api_keys.one", select(*_COLUMNS).where(k.id == _id, k.user_id == _user_id, _LIVE), ApiKey)
_COUNT = Query("api_keys.count", select(func.count()).select_from(api_keys).where(k.user_id == _user_id, _LIVE), scalar)
_given = (
    func.unnest(bindparam("ids", type_=ARRAY(uuid)), bindparam("addresses", type_=ARRAY(Text)))
    .table_valued(column("id", uuid), column("address", Text))
    .render_derived("given")
)
_is_due = or_(k.last_used_at.is_(None), k.last_used_at <= func.now() - USE_RECORDED_EVERY)
# Of several processes that saw a key in the same minute one writes; the others neither wait for it nor repeat it.
_due = (
    select(k.id)
    .where(k.id == func.any(bindparam("ids", type_=ARRAY(uuid))), _is_due)
    .order_by(k.id)
    .with_for_update(skip_locked=True, key_share=True)
    .cte("due")
)
_RECORD_USES = Change(
    "api_keys.record_uses",
    update(api_keys)
    .where(k.id == _due.c.id, _given.c.id == k.id)
    .values(last_used_at=func.now(), last_used_address=_given.c.address)
    .returning(k.id),
    scalar,
)
_ended_at = func.least(k.expires_at, k.revoked_at)
_long_ended = (
    select(k.id)
    .where(_ended_at <= func.now() - bindparam("kept", type_=Interval))
    .order_by(_ended_at)
    .limit(LIMIT)
    .with_for_update(skip_locked=True)
    .cte("long_ended")
)
_PURGE = Change("api_keys.purge", delete(api_keys).where(k.id == _long_ended.c.id).returning(k.id), scalar)


@cache
def _page_statement(walk: Walk) -> Query[ApiKey]:
    live = select(*_COLUMNS).where(k.user_id == _user_id, _LIVE)
    return Query("api_keys.page", walked(live, k.created_at, k.id, walk), ApiKey)


async def holders(reader: Reader, hashes: list[bytes]) -> dict[bytes, KeyHolder]:
    """Who has the keys of these hashes, live or not. One statement for all."""
    return {holder.token_hash: holder for holder in await reader.all(_HOLDERS, hashes=hashes)}


async def present(reader: Reader, api_key_ids: list[ApiKeyId]) -> dict[ApiKeyId, KeyPresence]:
    """Those of the keys that live and belong to an active user. One statement for all."""
    return {presence.api_key_id: presence for presence in await reader.all(_PRESENT, ids=api_key_ids)}


async def insert_key(work: Transaction, user_id: UserId, draft: ApiKeyDraft, token_hash: bytes) -> ApiKey:
    """Stores a new key. Nothing is cached of what nobody could show yet."""
    made = await work.all(
        _INSERT,
        api_key_id=uuid7(),
        user_id=user_id,
        name=draft.name,
        token_hash=token_hash,
        scopes=draft.scopes,
        lives=draft.lives,
    )
    return made[0]


async def revoke(work: Transaction, api_key_id: ApiKeyId, *, user_id: UserId, ending: KeyEnding) -> ApiKey | None:
    """Ends a live key of this user; None if there is none. Of simultaneous callers one gets it."""
    revoked = await work.first(_REVOKE, api_key_id=api_key_id, user_id=user_id, reason=ending.value)
    if revoked is not None:
        work.touch(of_api_key(api_key_id))
    return revoked


async def revoke_all(work: Transaction, user_id: UserId, ending: KeyEnding) -> list[ApiKeyId]:
    """Ends all keys of a user; those that it ended."""
    ended = await work.all(_REVOKE_ALL, user_id=user_id, reason=ending.value)
    if ended:
        work.touch(of_user(user_id))
    return ended


async def one(reader: Reader, user_id: UserId, api_key_id: ApiKeyId) -> ApiKey | None:
    """A live key of this user."""
    return await reader.first(_ONE, user_id=user_id, api_key_id=api_key_id)


async def page(reader: Reader, user_id: UserId, request: PageRequest) -> list[ApiKey]:
    """The user's live keys, newest first (backwards: oldest first); one row more than the limit."""
    return await reader.all(_page_statement(request.walk), user_id=user_id, **request.place)


async def count(reader: Reader, user_id: UserId) -> int:
    """How many live keys the user has."""
    return await reader.first(_COUNT, user_id=user_id) or 0


async def record_uses(work: Transaction, addresses: dict[ApiKeyId, str]) -> int:
    """Notes that keys were used just now, from which addresses, but each at most once a minute; says how many."""
    return len(await work.all(_RECORD_USES, ids=list(addresses), addresses=list(addresses.values())))


async def purge(work: Transaction, *, kept: timedelta, limit: int) -> int:
    """Deletes at most `limit` keys that ended so long ago; says how many. Nobody believed in them any more."""
    return len(await work.all(_PURGE, kept=kept, limit=limit))
