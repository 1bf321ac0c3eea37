"""Second factors as values: which kinds there are, and what a telephone number looks like."""

import re
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from app.domain.errors import invalid
from app.domain.ids import FactorId, UserId

PHONE = r"^\+[1-9][0-9]{6,14}$"
_PHONE = re.compile(PHONE)
_SHOWN_BEFORE, _SHOWN_AFTER = 3, 2
_HIDDEN = "•"


class Method(StrEnum):
    """What somebody proves themselves with after the password; a user has at most one of each."""

    TOTP = "totp"
    SMS = "sms"
    MAIL = "mail"
    RECOVERY_CODE = "recovery_code"  # stands in for a lost factor, and is none by itself


class Factor(Struct, frozen=True):
    """One factor. It counts from `confirmed_at` on, when its user has shown to hold it.

    `sealed` is the secret of an authenticator or the telephone number, encrypted; None for mail, which goes to the
    address of the account. `last_step` is the newest time step that was accepted.
    """

    id: FactorId
    user_id: UserId
    method: Method
    sealed: bytes | None
    last_step: int | None
    created_at: datetime
    confirmed_at: datetime | None
    last_used_at: datetime | None


def checked_phone(number: str) -> str:
    """`number` itself. Raises Invalid about #/phone_number unless it is in E.164: +, country code, the rest."""
    if not _PHONE.fullmatch(number):
        rule = "phone_number must be a + with country code and number, 7 to 15 digits, such as +4915112345678."
        raise invalid("#/phone_number", "PHONE_NUMBER_FORMAT", rule)
    return number


def masked_phone(number: str) -> str:
    """`number` for whoever knows it: its beginning and its last two digits."""
    hidden = _HIDDEN * (len(number) - _SHOWN_BEFORE - _SHOWN_AFTER)
    return number[:_SHOWN_BEFORE] + hidden + number[-_SHOWN_AFTER:]


def masked_email(email: str) -> str:
    """`email` for whoever knows it: its first character and its domain."""
    local, _, domain = email.partition("@")
    return f"{local[0]}{_HIDDEN * 3}@{domain}"
