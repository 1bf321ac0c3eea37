"""What an API key looks like: `todo_pat_`, 256 random bits in base 62, and a checksum of all that in six digits.

The fixed beginning lets secret scanners find a key that was published by mistake; the checksum lets them, and us, tell
one from a text that only looks like it, without asking anybody.
"""

import hashlib
import secrets
import string
import zlib

PREFIX = "todo_pat_"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH = 43  # 62 ** 43 > 2 ** 256
_CHECKSUM_LENGTH = 6  # 62 ** 6 > 2 ** 32
LENGTH = len(PREFIX) + _RANDOM_LENGTH + _CHECKSUM_LENGTH


def fresh() -> str:
    """A key that nobody has had before."""
    body = PREFIX + _base62(int.from_bytes(secrets.token_bytes(32)), _RANDOM_LENGTH)
    return body + _checksum(body)


def is_well_formed(text: str) -> bool:
    """True if `text` is a key as `fresh` makes them, whether or not anybody was given it."""
    if len(text) != LENGTH or not text.startswith(PREFIX) or not text.isascii():
        return False
    return text[-_CHECKSUM_LENGTH:] == _checksum(text[:-_CHECKSUM_LENGTH])


def fingerprint(key: str) -> bytes:
    """What is stored of a key: its SHA-256, which 256 random bits make enough."""
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
