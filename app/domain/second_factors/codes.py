"""Codes that the service makes: six digits by SMS or mail, and recovery codes to print and keep.

Six digits can be tried out in a second, so only an HMAC of them is stored, under a key that is not in the database.
A recovery code has 120 random bits: its SHA-256 is enough (OWASP ASVS 6.5.2: from 112 on), since nobody tries out 2^120
of them, while argon2 would cost ten times its 20 ms and 19 MiB whenever a set is made. It needs no key either, and so
outlives every change of keys.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import timedelta

from app.domain.ids import FactorId, UserId
from app.keys import keys_for
from app.setting_groups import SecuritySettings

DIGITS = 6
LIFETIME = timedelta(minutes=10)
TRIES = 5
RECOVERY_CODES = 10
_RECOVERY_BYTES = 15
_GROUP = 4


class SentCodes:
    """Makes six-digit codes, and the hashes that recognise them."""

    def __init__(self, security: SecuritySettings) -> None:
        self._key = keys_for(security, "second-factor codes").current

    def new(self) -> str:
        """A random code."""
        return f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"

    def hash(self, factor_id: FactorId, code: str) -> bytes:
        """What is stored of a code that was sent for this factor. A change of SECRET_KEY ends codes in flight."""
        return hmac.digest(self._key, factor_id.bytes + code.encode(), "sha256")


def new_recovery_codes() -> list[str]:
    """Ten codes such as `mfrg-g2lt-ojuw-4zzb-orsx-g5ba`."""
    return [_in_groups(secrets.token_bytes(_RECOVERY_BYTES)) for _ in range(RECOVERY_CODES)]


def recovery_hash(user_id: UserId, code: str) -> bytes:
    """What is stored of a user's recovery code, however it is written: spaces, hyphens and case do not matter."""
    plain = "".join(character for character in code.lower() if character.isalnum())
    return hashlib.sha256(user_id.bytes + plain.encode()).digest()


def _in_groups(random: bytes) -> str:
    text = base64.b32encode(random).decode().lower()
    return "-".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))
