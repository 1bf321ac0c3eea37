"""Values that a copy of the database does not give away: sealed with AES-256-GCM, and found by a blind index.

    sealed = version, length of the key id, key id, nonce of 96 bits, ciphertext, tag of 128 bits

All that stands before the nonce is authenticated, and so is the place where the value is stored: what was changed, or
moved to another row, column or table, is refused. Source: NIST SP 800-38D. Nonces are random, so one key may seal
2^32 values; rotate it long before (`todo keys rotate`).
"""

import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.keys import derive_from
from app.setting_groups import EncryptionSettings
from app.setting_types import NamedKey

VERSION = 1
NONCE_BYTES = 12
TAG_BYTES = 16
HEADER_MAXIMUM_BYTES = 2 + 255


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value is stored. `row_id` is the row's primary key; `of_row` joins one of several columns."""

    table: str
    column: str
    row_id: UUID | str

    @classmethod
    def of_row(cls, table: str, column: str, key: Sequence[object]) -> "Place":
        """The place in the row with this primary key, whose parts are joined by `/`."""
        return cls(table, column, "/".join(map(str, key)))

    def __str__(self) -> str:
        return f"{self.table}.{self.column}:{self.row_id}"


class Unreadable(Exception):
    """A sealed value cannot be opened. The message says which and why, never what is in it."""


class LostKey(Unreadable):
    """The value was sealed with a key that this process does not have."""

    def __init__(self, key_id: str, place: Place) -> None:
        super().__init__(
            f"{place} was encrypted with the key {key_id!r}, which is not in ENCRYPTION_KEYS. "
            "Put that key back behind the current one; `todo keys check` lists the keys that are needed."
        )
        self.key_id = key_id


class SealBroken(Unreadable):
    """The value is not what was sealed for this place: damaged, forged or moved."""

    def __init__(self, place: Place) -> None:
        super().__init__(f"{place} does not hold what was encrypted for it: it was changed, or moved from elsewhere.")


class _Header(NamedTuple):
    key_id: str
    size: int


class FieldCipher:
    """Seals and opens values, and makes their blind indexes. The first key of each list is the current one."""

    def __init__(self, keys: Sequence[NamedKey], index_keys: Sequence[NamedKey]) -> None:
        self._ciphers = {key.id: AESGCM(key.value) for key in keys}
        self._index_keys = tuple(index_keys)
        self._current = self._ciphers[keys[0].id]
        self._header = _header_of(keys[0].id)

    def encrypt(self, text: str, *, place: Place) -> bytes:
        """`text`, sealed with the current key for one place and no other. Every call gives other bytes."""
        return self.encrypt_bytes(text.encode(), place=place)

    def encrypt_bytes(self, data: bytes, *, place: Place) -> bytes:
        """As `encrypt`, for what is no text."""
        nonce = os.urandom(NONCE_BYTES)
        return self._header + nonce + self._current.encrypt(nonce, data, _bound(self._header, place))

    def decrypt(self, sealed: bytes, *, place: Place) -> str:
        """The text that was sealed for this place. Raises LostKey or SealBroken."""
        return self.decrypt_bytes(sealed, place=place).decode()

    def decrypt_bytes(self, sealed: bytes, *, place: Place) -> bytes:
        """What was sealed for this place, text or not. Raises LostKey or SealBroken."""
        header = _read_header(sealed)
        if header is None:
            raise SealBroken(place)
        cipher = self._ciphers.get(header.key_id)
        if cipher is None:
            raise LostKey(header.key_id, place)
        rest = header.size + NONCE_BYTES
        if len(sealed) < rest + TAG_BYTES:
            raise SealBroken(place)
        try:
            return cipher.decrypt(sealed[header.size : rest], sealed[rest:], _bound(sealed[: header.size], place))
        except InvalidTag as error:
            raise SealBroken(place) from error

    def blind_index(self, text: str, *, purpose: str) -> bytes:
        """What stands in an index for `text`: equal for equal texts, and no guess can be checked without the key.

        `purpose` names table and column, so that equal texts of two columns look different. Made with the current key
        of BLIND_INDEX_KEYS: a new key in ENCRYPTION_KEYS changes no index. Callers normalise the text.
        """
        return _index(self._index_keys[0], text, purpose)

    def blind_indexes(self, text: str, *, purpose: str) -> list[bytes]:
        """All that may stand in an index for `text` while its key is being replaced, the current one first."""
        return [_index(key, text, purpose) for key in self._index_keys]

    def is_current(self, sealed: bytes) -> bool:
        """True if the current key sealed it."""
        return sealed.startswith(self._header)

    def is_current_index(self, index: bytes) -> bool:
        """True if the current index key made it."""
        return index.startswith(_header_of(self._index_keys[0].id))

    @property
    def key_ids(self) -> list[str]:
        """The keys that values can be opened with, the current one first."""
        return list(self._ciphers)

    @property
    def index_key_ids(self) -> list[str]:
        """The keys that indexes are looked for with, the current one first."""
        return [key.id for key in self._index_keys]


def field_cipher(settings: EncryptionSettings) -> FieldCipher:
    """The cipher with the keys of ENCRYPTION_KEYS and BLIND_INDEX_KEYS."""
    return FieldCipher(settings.keys, settings.index_keys)


def key_id_of(sealed: bytes) -> str | None:
    """The id of the key that sealed a value; None if nothing did. The first HEADER_MAXIMUM_BYTES are enough."""
    header = _read_header(sealed)
    return None if header is None else header.key_id


def _header_of(key_id: str) -> bytes:
    return bytes((VERSION, len(key_id))) + key_id.encode("ascii")


def _read_header(sealed: bytes) -> _Header | None:
    if len(sealed) < 2 or sealed[0] != VERSION:
        return None
    size = 2 + sealed[1]
    key_id = sealed[2:size]
    return _Header(key_id.decode("ascii"), size) if len(key_id) == sealed[1] and key_id.isascii() else None


def _bound(header: bytes, place: Place) -> bytes:
    """The associated data. Names of tables and columns hold neither `.` nor `:`, so no two places look the same."""
    return header + str(place).encode()


def _index(key: NamedKey, text: str, purpose: str) -> bytes:
    secret = derive_from(key.value, f"blind index {purpose}")
    return _header_of(key.id) + hmac.digest(secret, text.encode(), sha256)
