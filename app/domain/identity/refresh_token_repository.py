"""The SQL of refresh tokens: each is used once, and remembered for a while after that."""

from datetime import timedelta

from msgspec import Struct
from sqlalchemy import ARRAY, Interval, LargeBinary, and_, bindparam, delete, func, insert, select, update

from app.database.executor import Reader, Transaction
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.identity.repository import LIVE, OPENED, s, u
from app.domain.identity.session import Opened
from app.domain.identity.tables import refresh_tokens, sessions
from app.domain.ids import SessionId, UserId
from app.domain.users.tables import may_come_in, users

# A family remembers used tokens for so long. An older one is still refused, but no longer ends the session.
USED_TOKENS_KEPT = timedelta(days=7)

t = refresh_tokens.c

_id = bindparam("session_id", type_=uuid)
_token_hash = bindparam("token_hash", type_=LargeBinary)


class TokenOwner(Struct, frozen=True):
    """The session that a refresh token is or was of, and its user."""

    session_id: SessionId
    user_id: UserId


class UsedToken(Struct, frozen=True):
    """A refresh token that was replaced already: whose session it belongs to, and whether it may be repeated."""

    session: Opened
    is_live: bool
    is_in_grace: bool


_INSERT = Change("refresh_tokens.insert", insert(refresh_tokens).values(token_hash=_token_hash, session_id=_id), scalar)
_TAKE = Change(
    "refresh_tokens.take",
    update(refresh_tokens)
    .where(t.token_hash == _token_hash, t.used_at.is_(None))
    .values(used_at=func.now())
    .returning(t.session_id),
    scalar,
)
_OWNER = Query(
    "refresh_tokens.owner",
    select(s.id, s.user_id)
    .select_from(refresh_tokens.join(sessions, s.id == t.session_id))
    .where(t.token_hash == _token_hash),
    TokenOwner,
)
_USED = Query(
    "refresh_tokens.used",
    select(*OPENED, and_(LIVE, may_come_in), t.used_at > func.now() - bindparam("grace", type_=Interval))
    .select_from(refresh_tokens.join(sessions, s.id == t.session_id).join(users, u.id == s.user_id))
    .where(t.token_hash == _token_hash, t.used_at.is_not(None)),
    lambda *row: UsedToken(Opened(*row[:3]), *row[3:]),
)
_KNOWN = Query(
    "refresh_tokens.known",
    select(t.token_hash).where(t.token_hash == func.any(bindparam("hashes", type_=ARRAY(LargeBinary)))),
    scalar,
)
_FORGET = Change(
    "refresh_tokens.forget",
    delete(refresh_tokens).where(t.session_id == _id, t.used_at < func.now() - bindparam("kept", type_=Interval)),
    scalar,
)


async def add(work: Transaction, session_id: SessionId, token_hash: bytes) -> None:
    """Adds a refresh token to a session."""
    await work.run(_INSERT, session_id=session_id, token_hash=token_hash)


async def take(work: Transaction, token_hash: bytes) -> SessionId | None:
    """Marks an unused token as used: of simultaneous takers one gets its session, the others wait and get None."""
    return await work.first(_TAKE, token_hash=token_hash)


async def owner(reader: Reader, token_hash: bytes) -> TokenOwner | None:
    """Whose a token is, used or not, whether its session lives or not."""
    return await reader.first(_OWNER, token_hash=token_hash)


async def used(reader: Reader, token_hash: bytes, grace: timedelta) -> UsedToken | None:
    """A token that was taken before."""
    return await reader.first(_USED, token_hash=token_hash, grace=grace)


async def known(reader: Reader, hashes: list[bytes]) -> set[bytes]:
    """Those of the hashes that are stored."""
    return set(await reader.all(_KNOWN, hashes=hashes))


async def forget_used(work: Transaction, session_id: SessionId) -> None:
    """Deletes the session's tokens that were used more than seven days ago."""
    await work.run(_FORGET, session_id=session_id, kept=USED_TOKENS_KEPT)
