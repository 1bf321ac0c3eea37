"""A block as a value, and how long one lasts. Knows clients by their keys; refuses to know what led to a block."""

from datetime import datetime, timedelta

from msgspec import Struct

from app.domain.ids import BlockId, UserId

SHORTEST = timedelta(minutes=15)
LONGEST = timedelta(hours=24)
# An offender who was quiet for so long begins anew.
REMEMBERED = timedelta(days=7)
# Ended ones are kept so long, for whoever is asked why somebody could not come in. They hold addresses of people.
KEPT = timedelta(days=30)


class Block(Struct, frozen=True):
    """One client, kept out from `since` to `until` unless it is lifted before. `strike` is 0 if somebody decided it."""

    id: BlockId
    client_key: str
    strike: int
    signals: list[str]
    score: float
    note: str
    since: datetime
    until: datetime
    created_by: UserId | None
    lifted_at: datetime | None
    lifted_by: UserId | None
    is_active: bool


class Standing(Struct, frozen=True):
    """What holds for one client now: for how many seconds it is kept out yet; None if it is not."""

    client_key: str
    seconds_left: float | None


def duration(strike: int) -> timedelta:
    """How long a client's block number `strike` (from 1) lasts: 15 minutes, twice as long each time, 24 h at most."""
    # With the seventh doubling it is the longest anyway.
    return min(SHORTEST * (1 << min(strike - 1, 7)), LONGEST)
