"""Tokens that are mailed: whoever sends one back reads the mail of that address. 256 random bits, good for an hour.

Only hashes are stored. What each is good for, and when it stops being so, its command says.
"""

import secrets
from datetime import timedelta
from enum import StrEnum

from msgspec import Struct

from app.domain.errors import NotAuthenticated
from app.domain.ids import UserId

TOKEN_BYTES = 32
LIFETIME = timedelta(hours=1)
# Within the lifetime, for each purpose: nobody can have more mail than this sent to somebody else's address. Counted
# apart, so that whoever uses up the mails of one purpose keeps nobody from another: of those for a new password, the
# newest is always good.
PER_ADDRESS = 5


class Purpose(StrEnum):
    """What a token is good for."""

    REGISTRATION = "registration"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a purpose, not a password
    EMAIL_CHANGE = "email_change"
    DELETION = "deletion"  # to call it off


class Written(Struct, frozen=True):
    """A token that was stored: whether it is good for anything, where it goes as its owner writes it, and whose it is.

    One that is good for nothing is counted, and mailed to nobody.
    """

    is_good: bool
    email: str
    user_id: UserId | None


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def not_valid() -> NotAuthenticated:
    """The one refusal of a mailed token: unknown, used, expired, replaced, or overtaken by another account."""
    return NotAuthenticated("The token is not valid, or not any more; ask for another mail.", code="INVALID_MAIL_TOKEN")
