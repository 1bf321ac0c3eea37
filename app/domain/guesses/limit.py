"""Five wrong guesses at one secret of a user in fifteen minutes; then none is looked at until these are over.

A guess is counted as wrong before it is looked at, in a transaction of its own, and taken back if it was right: so a
refusal cannot undo the count, a crash cannot, and of a thousand simultaneous guesses five are looked at.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from app.database.executor import Database, Writer
from app.domain.errors import TooManyAttempts
from app.domain.guesses import repository
from app.domain.ids import UserId

MAXIMUM = 5
WINDOW = timedelta(minutes=15)


class Secret(StrEnum):
    """What can be guessed at by somebody who is past the login already, or past its first step."""

    PASSWORD = "password"  # noqa: S105 - the name of a secret, not a secret
    TOTP = "totp"
    SMS = "sms"
    MAIL = "mail"
    RECOVERY_CODE = "recovery_code"


class Guess(Struct, frozen=True):
    """A guess that may be looked at, and is counted as wrong until then."""

    user_id: UserId
    secret: Secret
    since: datetime
    # No other is looked at after this one, if it is wrong.
    is_last: bool


async def admit(database: Database, user_id: UserId, secret: Secret) -> Guess:
    """Counts a guess, committed when this returns. Raises TooManyAttempts. One statement, two if it is refused."""
    counted = await repository.count(database.autocommit(), user_id, secret.value, maximum=MAXIMUM, window=WINDOW)
    if counted is not None:
        return Guess(user_id, secret, counted.since, is_last=counted.failures == MAXIMUM)
    seconds = await repository.seconds_left(database.reader, user_id, secret.value, window=WINDOW)
    raise TooManyAttempts(
        f"There were {MAXIMUM} wrong attempts within {WINDOW.seconds // 60} minutes; wait, then try again.",
        retry_after_seconds=max(seconds, 1),
    )


async def was_right(work: Writer, guess: Guess) -> None:
    """Takes the count of this guess back."""
    await repository.take_back(work, guess.user_id, guess.secret.value, since=guess.since)
