"""The SQL of sessions. Every clock is Postgres' own: workers cannot disagree on what has expired."""

from msgspec import Struct
from sqlalchemy import (
    ARRAY,
    Boolean,
    Double,
    Integer,
    Interval,
    Text,
    and_,
    bindparam,
    cast,
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
from app.domain.identity.cache_tags import of_session
from app.domain.identity.session import Client, Ending, Lifetimes, Opened, Session
from app.domain.identity.tables import sessions
from app.domain.ids import SessionId, TeamId, UserId, uuid7
from app.domain.pages import PageRequest
from app.domain.teams.tables import team_memberships, teams
from app.domain.users.cache_tags import of_user
from app.domain.users.tables import may_come_in, users

s, u = sessions.c, users.c

_id = bindparam("session_id", type_=uuid)
_user_id = bindparam("user_id", type_=uuid)
_idle = bindparam("idle", type_=Interval)
_absolute = bindparam("absolute", type_=Interval)
_fresh = bindparam("fresh", type_=Interval)
ENDED = {"revoked_at": func.now(), "revoked_reason": bindparam("reason", type_=Text)}
LIVE = and_(s.revoked_at.is_(None), s.idle_expires_at > func.now(), s.expires_at > func.now())
SESSION = (s.id, s.label, s.user_agent, s.address, s.created_at, s.last_seen_at, s.idle_expires_at, s.expires_at)
OPENED = (s.id, s.user_id, cast(func.floor(extract("epoch", s.idle_expires_at - func.now())), Integer))


class Presence(Struct, frozen=True):
    """What the gate learns about a live session of an active user."""

    session_id: SessionId
    user_id: UserId
    personal_team_id: TeamId
    timezone: str
    roles: list[str]
    team_ids: list[TeamId]
    lives_seconds: float


_team_ids = (
    select(func.array_agg(aggregate_order_by(team_memberships.c.team_id, team_memberships.c.team_id)))
    .where(team_memberships.c.user_id == u.id)
    .scalar_subquery()
)
_lives_seconds = cast(extract("epoch", func.least(s.idle_expires_at, s.expires_at) - func.now()), Double)
_PRESENT = Query(
    "sessions.present",
    select(s.id, u.id, teams.c.id, u.timezone, u.roles, _team_ids, _lives_seconds)
    .select_from(sessions.join(users, u.id == s.user_id).join(teams, teams.c.personal_user_id == u.id))
    .where(s.id == func.any(bindparam("ids", type_=ARRAY(uuid))), LIVE, may_come_in),
    Presence,
)
_INSERT = Change(
    "sessions.insert",
    insert(sessions)
    .from_select(
        ["id", "user_id", "user_agent", "address", "idle_expires_at", "expires_at", "fresh_until"],
        select(
            _id,
            u.id,
            bindparam("user_agent", type_=Text),
            bindparam("address", type_=Text),
            func.now() + func.least(_idle, _absolute),
            func.now() + _absolute,
            func.now() + _fresh,
        )
        # The lock makes login and a simultaneous change of password, deactivation or second factor take turns: either
        # this finds the change made, or the change finds this session and ends it, or has it prove itself again. Two
        # logins take turns, too: each counts the sessions that the other has opened.
        .where(
            u.id == _user_id,
            may_come_in,
            u.password_hash == bindparam("password_hash", type_=Text),
            or_(bindparam("with_second_factor", type_=Boolean), u.second_factor_since.is_(None)),
        )
        .with_for_update(key_share=True),
    )
    .returning(*OPENED),
    Opened,
)
_EXTEND = Change(
    "sessions.extend",
    update(sessions)
    .where(s.id == _id, LIVE, u.id == s.user_id, may_come_in)
    .values(last_seen_at=func.now(), idle_expires_at=func.least(func.now() + _idle, s.expires_at))
    .returning(*OPENED),
    Opened,
)
_REVOKE = Change(
    "sessions.revoke",
    update(sessions).where(s.id == _id, s.revoked_at.is_(None)).values(ENDED).returning(s.id),
    scalar,
)
_REVOKE_OWN = Change(
    "sessions.revoke_own",
    update(sessions).where(s.id == _id, s.user_id == _user_id, LIVE).values(ENDED).returning(s.id),
    scalar,
)
_REVOKE_ALL = Change(
    "sessions.revoke_all",
    update(sessions)
    .where(s.user_id == _user_id, s.revoked_at.is_(None), s.id.is_distinct_from(bindparam("kept_id", type_=uuid)))
    .values(ENDED)
    .returning(s.id),
    scalar,
)
_of_user = select(*SESSION).where(s.user_id == _user_id, LIVE)
_PAGE = {walk: Query("sessions.page", walked(_of_user, s.created_at, s.id, walk), Session) for walk in Walk}
_COUNT = Query("sessions.count", select(func.count()).select_from(sessions).where(s.user_id == _user_id, LIVE), scalar)
_expired = select(s.id).where(s.expires_at <= func.now()).order_by(s.expires_at).limit(LIMIT)
_chosen = _expired.with_for_update(skip_locked=True).cte("chosen")
_PURGE = Change("sessions.purge", delete(sessions).where(s.id == _chosen.c.id).returning(s.id), scalar)


async def present(reader: Reader, session_ids: list[SessionId]) -> dict[SessionId, Presence]:
    """Those of the sessions that live and belong to an active user. One statement for all."""
    return {presence.session_id: presence for presence in await reader.all(_PRESENT, ids=session_ids)}


async def insert_session(
    work: Transaction,
    user_id: UserId,
    *,
    password_hash: str,
    with_second_factor: bool,
    client: Client,
    lifetimes: Lifetimes,
) -> Opened | None:
    """Opens a session; None if the user is not active, has another password hash, or a second factor unproved.

    Locks the user.
    """
    return await work.first(
        _INSERT,
        session_id=uuid7(),
        user_id=user_id,
        password_hash=password_hash,
        with_second_factor=with_second_factor,
        user_agent=client.user_agent,
        address=client.address,
        idle=lifetimes.idle,
        absolute=lifetimes.absolute,
        fresh=lifetimes.fresh,
    )


async def extend(work: Transaction, session_id: SessionId, lifetimes: Lifetimes) -> Opened | None:
    """Moves the idle expiry; None if the session has ended or its user is not active."""
    return await work.first(_EXTEND, session_id=session_id, idle=lifetimes.idle)


async def revoke(work: Transaction, session_id: SessionId, ending: Ending) -> bool:
    """Ends a session, with its tokens; False for one that was revoked before, which keeps its first reason."""
    revoked = await work.first(_REVOKE, session_id=session_id, reason=ending.value) is not None
    if revoked:
        work.touch(of_session(session_id))
    return revoked


async def revoke_own(work: Transaction, session_id: SessionId, *, user_id: UserId, ending: Ending) -> bool:
    """Ends a live session of this user; False if there is none."""
    revoked = await work.first(_REVOKE_OWN, session_id=session_id, user_id=user_id, reason=ending.value) is not None
    if revoked:
        work.touch(of_session(session_id))
    return revoked


async def revoke_all(
    work: Transaction, user_id: UserId, ending: Ending, *, kept: SessionId | None = None
) -> list[SessionId]:
    """Ends all sessions of a user but the one that is `kept`; those that it ended."""
    ended = await work.all(_REVOKE_ALL, user_id=user_id, kept_id=kept, reason=ending.value)
    if ended:
        work.touch(of_user(user_id))
    return ended


async def page(reader: Reader, user_id: UserId, request: PageRequest) -> list[Session]:
    """The user's live sessions, newest first (backwards: oldest first); one row more than the limit."""
    return await reader.all(_PAGE[request.walk], user_id=user_id, **request.place)


async def count(reader: Reader, user_id: UserId) -> int:
    """How many live sessions the user has."""
    return await reader.first(_COUNT, user_id=user_id) or 0


async def purge(work: Transaction, *, limit: int) -> int:
    """Deletes at most `limit` sessions that are past their absolute expiry, with their tokens; says how many.

    Nobody has to be told: no answer about a session is believed for longer than the session lasts.
    """
    return len(await work.all(_PURGE, limit=limit))
