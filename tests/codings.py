"""How a client reads content codings, and how it asks for them."""

import gzip
import sys
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]  # It ships no types.

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Read = Callable[[bytes], bytes]

# A whole body, by the name of its coding.
DECODED: dict[str, Read] = {"zstd": zstd.decompress, "br": brotli.decompress, "gzip": gzip.decompress}
NAMES = sorted(DECODED)


def reader(coding: str) -> Read:
    """What a client makes of one body that it reads as it comes."""
    if coding == "zstd":
        return zstd.ZstdDecompressor().decompress
    if coding == "gzip":
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress
    decompressor = brotli.Decompressor()

    def read(sent: bytes) -> bytes:
        # It returns some 32 kB at once.
        got: bytes = decompressor.process(sent)
        while more := decompressor.process(b""):
            got += more
        return got

    return read


def asking(accepted: str | None, *, held: str | None = None) -> list[tuple[bytes, bytes]]:
    """The headers of a request: the codings that it accepts, the entity tags that it has."""
    headers = [(b"accept-encoding", accepted), (b"if-none-match", held)]
    return [(name, value.encode()) for name, value in headers if value is not None]
