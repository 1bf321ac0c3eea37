"""Content codings: the one that a client wants, a body in it, and its entity tag.

Refuses to know which answers may be encoded. Sources: RFC 9110 §8.4, §8.8.3 and §12.5.3; RFC 1952 (gzip), RFC 7932
(br), RFC 8878 (zstd).
"""

import re
import sys
import zlib
from collections.abc import Callable
from functools import cache, lru_cache, partial

import brotli  # type: ignore[import-untyped]  # It ships no types.

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BROTLI, GZIP, ZSTD = b"br", b"gzip", b"zstd"
# Ours first. A page of 20 todos (19 kB) at level 4: zstd 30 µs and 2,890 bytes, br 131 and 2,945, gzip 80 and 3,150;
# of 100 todos (96 kB): zstd 0.15 ms, br and gzip at least 0.6 (CPython 3.11, November 2026).
CODINGS = (ZSTD, BROTLI, GZIP)

HEADERS_KEPT = 256
# Tells zlib to write the gzip format, with its largest window.
_GZIP_FORMAT = 16 + zlib.MAX_WBITS
_ELEMENT = re.compile(
    rb"(?P<coding>[!#$%&'*+.^_`|~0-9A-Za-z-]+)"
    rb"(?:[ \t]*;[ \t]*[qQ]=(?P<quality>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
)


@lru_cache(maxsize=HEADERS_KEPT)
def choose(accept_encoding: bytes, offered: tuple[bytes, ...] = CODINGS) -> bytes | None:
    """The coding that the client likes best, the first of `offered` among equals; None: send the body as it is.

    None for a malformed header, too, and where the client refuses everything: nobody is refused for this header.
    """
    qualities = _qualities(accept_encoding)
    any_other = qualities.get(b"*", 0.0)
    best = max(offered, key=lambda coding: qualities.get(coding, any_other))
    quality = qualities.get(best, any_other)
    return best if quality > 0 and quality >= qualities.get(b"identity", 0.0) else None


def accepts(accept_encoding: bytes | None, coding: bytes) -> bool:
    """True if a client that sent this header can read `coding`. None, no header, stands for every coding."""
    return accept_encoding is None or choose(accept_encoding, (coding,)) is not None


def coded_tag(etag: bytes, coding: bytes) -> bytes:
    """The entity tag of the same content in `coding`: a strong tag names bytes, so `"3-member"` gets `"3-member-br"`.

    A weak one names the content, and stays.
    """
    return etag if etag.startswith(b"W/") else etag[:-1] + b"-" + coding + b'"'


def encode(body: bytes, coding: bytes, level: int) -> bytes:
    """The whole `body` in `coding`, the same bytes every time; `level` is 1 (fast) to 9 (small).

    Keeps the processor for 20 to 80 µs at 19 kB and level 4, for milliseconds from some hundred kB on.
    """
    if coding == ZSTD:
        return _zstd_compressor(level).compress(body, zstd.ZstdCompressor.FLUSH_FRAME)
    if coding == BROTLI:
        encoded: bytes = brotli.compress(body, quality=level)
        return encoded
    if coding == GZIP:
        return zlib.compress(body, level, _GZIP_FORMAT)
    raise ValueError(f"{coding!r} is none of {CODINGS}")


class EncodedStream:
    """One body that becomes known piece by piece. Holds up to 2.6 MB at level 4, 11 at level 9.

    `add` takes a piece and returns what is ready to be sent, which may be nothing; `flush` returns what the client
    still needs to read all that was added; `finish` returns the end.
    """

    def __init__(self, coding: bytes, level: int) -> None:
        self.add: Callable[[bytes], bytes]
        self.flush: Callable[[], bytes]
        self.finish: Callable[[], bytes]
        if coding == ZSTD:
            frame = zstd.ZstdCompressor(level)
            self.add, self.flush, self.finish = frame.compress, partial(frame.flush, frame.FLUSH_BLOCK), frame.flush
        elif coding == BROTLI:
            stream = brotli.Compressor(quality=level)
            self.add, self.flush, self.finish = stream.process, stream.flush, stream.finish
        elif coding == GZIP:
            member = zlib.compressobj(level, wbits=_GZIP_FORMAT)
            self.add, self.flush, self.finish = member.compress, partial(member.flush, zlib.Z_SYNC_FLUSH), member.flush
        else:
            raise ValueError(f"{coding!r} is none of {CODINGS}")


@cache
def _zstd_compressor(level: int) -> zstd.ZstdCompressor:
    # Kept, since making one costs 14 of 44 µs at 19 kB. It remembers nothing of a frame that is complete, and locks
    # itself where threads share it.
    return zstd.ZstdCompressor(level)


@lru_cache(maxsize=HEADERS_KEPT)
def _qualities(accept_encoding: bytes) -> dict[bytes, float]:
    """The quality of each coding that the header names; empty if it is malformed."""
    found: dict[bytes, float] = {}
    for part in accept_encoding.split(b","):
        element = part.strip(b" \t")
        if not element:
            continue  # Empty elements of a list are ignored (RFC 9110 §5.6.1).
        match = _ELEMENT.fullmatch(element)
        if match is None:
            return {}
        coding = match["coding"].lower()
        if coding == b"x-gzip":
            coding = GZIP  # RFC 9110 §8.4.1.3.
        quality = float(match["quality"] or 1)
        # Named twice, the smaller one holds: a coding that was refused anywhere is never used.
        found[coding] = min(quality, found.get(coding, 1.0))
    return found
