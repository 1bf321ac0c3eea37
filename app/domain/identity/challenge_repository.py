"""The SQL of login challenges: who has proved the password, and may prove the second factor now."""

from datetime import timedelta

from msgspec import Struct
from sqlalchemy import Integer, Interval, LargeBinary, Text, and_, bindparam, delete, func, insert, select, update

from app.database.executor import Reader, Transaction, Writer
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.identity.tables import login_challenges
from app.domain.ids import UserId
from app.domain.users.tables import may_come_in, users

c, u = login_challenges.c, users.c

_token_hash = bindparam("token_hash", type_=LargeBinary)
_limit = bindparam("limit", type_=Integer)


class Challenged(Struct, frozen=True):
    """Whom a challenge was given to, and what it is bound to."""

    user_id: UserId
    proved_hash: bytes
    client_hash: bytes


_INSERT = Change(
    "login_challenges.insert",
    insert(login_challenges)
    .from_select(
        ["token_hash", "user_id", "proved_hash", "client_hash", "expires_at"],
        select(
            _token_hash,
            u.id,
            bindparam("proved_hash", type_=LargeBinary),
            bindparam("client_hash", type_=LargeBinary),
            func.now() + bindparam("lifetime", type_=Interval),
        ).where(
            u.id == bindparam("user_id", type_=uuid),
            may_come_in,
            u.password_hash == bindparam("password_hash", type_=Text),
        ),
    )
    .returning(c.user_id),
    scalar,
)
_usable = and_(c.token_hash == _token_hash, c.expires_at > func.now(), c.attempts < bindparam("maximum", type_=Integer))
_BOUND_TO = (c.user_id, c.proved_hash, c.client_hash)
_ATTEMPT = Change(
    "login_challenges.attempt",
    update(login_challenges).where(_usable).values(attempts=c.attempts + 1).returning(*_BOUND_TO),
    Challenged,
)
_USABLE = Query("login_challenges.usable", select(*_BOUND_TO).where(_usable), Challenged)
_CONSUME = Change(
    "login_challenges.consume",
    delete(login_challenges).where(c.token_hash == _token_hash, c.expires_at > func.now()).returning(c.user_id),
    scalar,
)
_old = select(c.token_hash).where(c.expires_at <= func.now()).order_by(c.expires_at).limit(_limit)
_chosen = _old.with_for_update(skip_locked=True).cte("chosen")
_PURGE = Change(
    "login_challenges.purge",
    delete(login_challenges).where(c.token_hash == _chosen.c.token_hash).returning(c.user_id),
    scalar,
)


async def insert_challenge(
    work: Writer, challenged: Challenged, token_hash: bytes, *, password_hash: str, lifetime: timedelta
) -> bool:
    """Stores a challenge; False if the user is not active or their password hash is no longer this one."""
    values = {name: getattr(challenged, name) for name in Challenged.__struct_fields__}
    row = await work.first(_INSERT, token_hash=token_hash, password_hash=password_hash, lifetime=lifetime, **values)
    return row is not None


async def count_attempt(work: Writer, token_hash: bytes, *, maximum: int) -> Challenged | None:
    """Counts an attempt; None if the challenge is used up, too old, or was tried `maximum` times."""
    return await work.first(_ATTEMPT, token_hash=token_hash, maximum=maximum)


async def usable(reader: Reader, token_hash: bytes, *, maximum: int) -> Challenged | None:
    """A challenge that may be tried."""
    return await reader.first(_USABLE, token_hash=token_hash, maximum=maximum)


async def consume(work: Writer, token_hash: bytes) -> bool:
    """Uses a challenge up; False if it is already, or too old. Of simultaneous takers one gets True."""
    return await work.first(_CONSUME, token_hash=token_hash) is not None


async def purge(work: Transaction, *, limit: int) -> int:
    """Deletes at most `limit` challenges that are too old; says how many."""
    return len(await work.all(_PURGE, limit=limit))
