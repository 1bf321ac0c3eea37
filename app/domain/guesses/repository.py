"""The SQL of guesses. One row for each secret of a user, overwritten when its time is over, so it needs no purge."""

from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import Integer, Interval, Text, and_, bindparam, case, cast, extract, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.database.executor import Reader, Writer
from app.database.schema import moment, uuid
from app.database.statements import Change, Query, scalar
from app.domain.guesses.tables import guesses
from app.domain.ids import UserId

g = guesses.c
_user_id = bindparam("user_id", type_=uuid)
_secret = bindparam("secret", type_=Text)
_window = bindparam("window", type_=Interval)
_maximum = bindparam("maximum", type_=Integer)
_is_over = g.since <= func.now() - _window


class Counted(Struct, frozen=True):
    """A guess that was counted: since when, and how many there were since then, this one included."""

    since: datetime
    failures: int


_COUNT = Change(
    "guesses.count",
    insert(guesses)
    .values(user_id=_user_id, secret=_secret, failures=1, since=func.now())
    .on_conflict_do_update(
        index_elements=[g.user_id, g.secret],
        set_={
            "failures": case((_is_over, 1), else_=g.failures + 1),
            "since": case((_is_over, func.now()), else_=g.since),
        },
        # Decided under the row's lock: of simultaneous guesses no more are admitted than of successive ones.
        where=or_(_is_over, g.failures < _maximum),
    )
    .returning(g.since, g.failures),
    Counted,
)
_TAKE_BACK = Change(
    "guesses.take_back",
    update(guesses)
    .where(g.user_id == _user_id, g.secret == _secret, g.since == bindparam("since", type_=moment), g.failures > 0)
    .values(failures=g.failures - 1),
    scalar,
)
_SECONDS_LEFT = Query(
    "guesses.seconds_left",
    select(cast(func.ceil(extract("epoch", g.since + _window - func.now())), Integer)).where(
        and_(g.user_id == _user_id, g.secret == _secret)
    ),
    scalar,
)


async def count(work: Writer, user_id: UserId, secret: str, *, maximum: int, window: timedelta) -> Counted | None:
    """Counts a failure; None if there are `maximum` within `window` already."""
    return await work.first(_COUNT, user_id=user_id, secret=secret, maximum=maximum, window=window)


async def take_back(work: Writer, user_id: UserId, secret: str, *, since: datetime) -> None:
    """One failure less, unless counting has begun anew."""
    await work.first(_TAKE_BACK, user_id=user_id, secret=secret, since=since)


async def seconds_left(reader: Reader, user_id: UserId, secret: str, *, window: timedelta) -> int:
    """After how many seconds counting begins anew."""
    return await reader.first(_SECONDS_LEFT, user_id=user_id, secret=secret, window=window) or 0
