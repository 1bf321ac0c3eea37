"""One cached value, and how it is spelled in Redis: MessagePack, compressed where that pays."""

import hashlib
import sys
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

T = TypeVar("T")

Tags = tuple[str, ...]
Versions = tuple[bytes, ...]

_ROOT = Path(__file__).resolve().parents[1]
# Of a value that is spelled in fewer bytes compression saves less than it costs.
DEFAULT_COMPRESS_BYTES = 1024
_LEVEL = 1


@dataclass(slots=True)
class Entry(Generic[T]):
    """A value that may be served while its tags have these versions and until it expires.

    Both times are Unix seconds. After `refresh_at` one reader is asked to load it anew, while others are still served.
    """

    tags: Tags
    versions: Versions
    value: T
    expires_at: float
    refresh_at: float
    kind_name: str
    redis_key: str = ""
    size_bytes: int = 0
    hits: int = 0
    is_being_refreshed: bool = False
    # Other forms of the same value, such as compressed ones, by name. They stay in this process.
    variants: dict[bytes, bytes] = field(default_factory=dict)


class _Stored(msgspec.Struct, array_like=True, frozen=True):
    tags: Tags
    versions: Versions
    expires_at: float
    refresh_at: float
    is_compressed: bool
    value: bytes


class Kind(Generic[T]):
    """One kind of cached values: its name in keys and counts, and its type, which MessagePack must be able to spell."""

    def __init__(self, name: str, value_type: type[T]) -> None:
        self.name = name
        self._decoder: msgspec.msgpack.Decoder[T | None] = msgspec.msgpack.Decoder(value_type | None)

    def to_bytes(self, entry: Entry[T | None], *, compress_bytes: int = DEFAULT_COMPRESS_BYTES) -> bytes:
        """The entry as Redis keeps it, compressed from so many bytes on; its size becomes that of its value."""
        value = _encode(entry.value)
        entry.size_bytes = len(value)
        is_compressed = len(value) >= compress_bytes
        if is_compressed:
            value = zstd.compress(value, _LEVEL)
        return _encode(_Stored(entry.tags, entry.versions, entry.expires_at, entry.refresh_at, is_compressed, value))

    def from_bytes(self, stored: bytes) -> Entry[T | None] | None:
        """What `to_bytes` has made; None for anything else, which is as good as nothing."""
        try:
            found = _decode_stored(stored)
            value = zstd.decompress(found.value) if found.is_compressed else found.value
            return Entry(
                found.tags,
                found.versions,
                self._decoder.decode(value),
                found.expires_at,
                found.refresh_at,
                self.name,
                size_bytes=len(value),
            )
        except (msgspec.MsgspecError, zstd.ZstdError, UnicodeDecodeError):
            return None


_encode = msgspec.msgpack.Encoder().encode
_decode_stored = msgspec.msgpack.Decoder(_Stored).decode


def is_current(entry: Entry[Any], versions: tuple[bytes | None, ...]) -> bool:
    """True if the entry may be served now that its tags have these versions."""
    return entry.versions == versions and time.time() < entry.expires_at


@cache
def release() -> str:
    """Names the code that makes values, schema migrations included: other code does not read them.

    A digest of the sources and not the version, so that a developer never looks at an answer of yesterday's code.
    Reads some 350 small files once.
    """
    digest = hashlib.blake2b(digest_size=6)
    for folder in (_ROOT, _ROOT.parent / "migrations" / "versions"):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
