"""Refresh tokens: opaque, 256 bits, each good for one rotation. Stored as SHA-256, which 256 random bits make enough.

A token's successor is derived from it under a key of the service, so that whoever repeats a rotation in time (a lost
answer, two tabs, a crashed worker) gets the same successor again, although it was never stored in the clear.
"""

import base64
import hashlib
import hmac
import secrets

from app.keys import keys_for
from app.setting_groups import SecuritySettings

TOKEN_BYTES = 32


class RefreshTokens:
    """Makes first tokens at random and successors by derivation."""

    def __init__(self, security: SecuritySettings) -> None:
        self._keys = keys_for(security, "refresh-tokens").accepted

    def first(self) -> str:
        """The first token of a new family."""
        return secrets.token_urlsafe(TOKEN_BYTES)

    def successors(self, token: str) -> list[str]:
        """What `token` is, or before a change of keys was, replaced by: the successor under the current key first."""
        return [_text(hmac.digest(key, token.encode(), "sha256")) for key in self._keys]


def fingerprint(token: str) -> bytes:
    """What is stored of `token`."""
    return hashlib.sha256(token.encode()).digest()


def _text(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()
