"""Smaller answers for clients that can read them: text that may be kept, and is long enough to be worth it.

What is `no-store` is never encoded, and that is everything that does not say otherwise: length would tell of a secret
that shares a body with what an attacker chose (BREACH), and tokens and secrets are always sent so. An answer that is
encoded already passes untouched. Source: RFC 9110 §8.4, §8.8.3, §12.5.5 and §15.4.5.
"""

# Otherwise the annotations of an inner function are evaluated at every request.
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from functools import lru_cache
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.content_codings import CODINGS, GZIP, HEADERS_KEPT, ZSTD, EncodedStream, accepts, choose, coded_tag, encode

Header = tuple[bytes, bytes]

# A page of 100 todos has some 100 kB. From here on br at level 4 needs more than a millisecond, so a thread does it.
_IN_THREAD_BYTES = 131_072
# What is encoded between two turns of the event loop; as much as the framework reads of a file at once.
_SLICE_BYTES = 65_536
_TEXT = frozenset(
    {
        b"application/javascript",
        b"application/json",
        b"application/jsonl",
        b"application/msgpack",
        b"application/ndjson",
        b"application/vnd.msgpack",
        b"application/x-msgpack",
        b"application/x-ndjson",
        b"application/xml",
        b"application/yaml",
    }
)
_TEXT_SUFFIXES = (b"+json", b"+xml", b"+yaml")
_WITHOUT_BODY = frozenset({204, 205})


class Variants(Protocol):
    """Where an answer that is sent again keeps its encoded forms: `variants` of its message with the body."""

    def get(self, coding: bytes) -> bytes | None:
        """The body in this coding, if it was made before."""

    def put(self, coding: bytes, body: bytes) -> None:
        """Keeps the body in this coding."""


class Compression:
    """Encodes what the client accepts and the answer allows; strong entity tags then end in the coding."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        minimum_bytes: int = 1024,
        level: int = 4,
        offers_brotli: bool = True,
        stream_bytes: int = 500_000,
    ) -> None:
        """Bodies below `minimum_bytes` stay as they are; from `stream_bytes` on they are sent while they are encoded.

        `level` is 1 (fast) to 9 (small), for every coding.
        """
        self.app = app
        self.minimum_bytes = minimum_bytes
        self.level = level
        self.stream_bytes = stream_bytes
        self._offered = CODINGS if offers_brotli else (ZSTD, GZIP)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Passes the request on; only if it names a coding of ours will anything look at the answer."""
        if scope["type"] != "http":
            return self.app(scope, receive, send)
        accepted = scope["headers_by_name"].get(b"accept-encoding")
        if accepted is None:
            return self.app(scope, receive, send)
        coding = choose(accepted, self._offered)
        if coding is None:
            return self.app(scope, receive, send)
        return self.app(scope, receive, self._in_coding(coding, scope, send))

    def _in_coding(self, coding: bytes, scope: Scope, send: Send) -> Send:
        minimum_bytes = self.minimum_bytes
        answer: _Answer | None = None

        def send_in_coding(message: Message) -> Awaitable[None]:
            nonlocal answer
            if answer is not None:
                return answer.send(message)
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                for name, value in headers:
                    # Asked first and here, since it settles most answers.
                    if name == b"content-length" and int(value) < minimum_bytes:
                        return send(message)
                status = message["status"]
                if status == 304:
                    return send(_not_modified(message, coding, scope["headers_by_name"]))
                if _may_be_encoded(status, headers):
                    answer = _Answer(self, message, send, coding)
                    return _nothing()
            return send(message)

        return send_in_coding


class _Answer:
    """One answer that may be encoded. Its head is kept back until the first part of the body tells what it must say."""

    def __init__(self, layer: Compression, head: Message, send: Send, coding: bytes, /) -> None:
        self._layer = layer
        self._head = head
        self._send = send
        self._coding = coding
        self._has_begun = False
        self._stream: EncodedStream | None = None

    def send(self, message: Message) -> Awaitable[None]:
        """Sends what follows the head, and the head before the first of it."""
        if not self._has_begun:
            self._has_begun = True
            return self._begin(message)
        if self._stream is not None and message["type"] == "http.response.body":
            return self._send_piece(self._stream, message)
        return self._send(message)

    async def _begin(self, message: Message) -> None:
        layer, head, body = self._layer, self._head, message.get("body", b"")
        if message.get("more_body", False) or len(body) >= layer.stream_bytes:
            self._stream = EncodedStream(self._coding, layer.level)
            await self._send(_encoded(head, self._coding))
            await self._send_piece(self._stream, message)
            return
        # A shorter one came without its length, or there is none and the server sends a file (the extension pathsend).
        if len(body) >= layer.minimum_bytes:
            encoded = await self._encoded(body, message.get("variants"))
            if len(encoded) < len(body):
                head = _encoded(head, self._coding, (b"content-length", b"%d" % len(encoded)))
                message = {**message, "body": encoded}
            else:
                head = {**head, "headers": _with_vary(head["headers"])}
        await self._send(head)
        await self._send(message)

    async def _encoded(self, body: bytes, variants: Variants | None) -> bytes:
        """The body in the coding, from its variants if it was encoded before."""
        encoded = None if variants is None else variants.get(self._coding)
        if encoded is not None:
            return encoded
        if len(body) < _IN_THREAD_BYTES:
            encoded = encode(body, self._coding, self._layer.level)
        else:
            encoded = await asyncio.to_thread(encode, body, self._coding, self._layer.level)
        if variants is not None:
            variants.put(self._coding, encoded)
        return encoded

    async def _send_piece(self, stream: EncodedStream, message: Message) -> None:
        """Sends what the client needs to read all of this part of the body; of a long one, slice by slice."""
        body, is_more = message.get("body", b""), message.get("more_body", False)
        last = max(len(body) - 1, 0) // _SLICE_BYTES * _SLICE_BYTES
        for begin in range(0, last, _SLICE_BYTES):
            ready = stream.add(body[begin : begin + _SLICE_BYTES]) + stream.flush()
            await self._send({"type": "http.response.body", "body": ready, "more_body": True})
            await asyncio.sleep(0)
        if is_more and not body:
            return
        ready = stream.add(body[last:]) + (stream.flush() if is_more else stream.finish())
        await self._send({"type": "http.response.body", "body": ready, "more_body": is_more})


def _may_be_encoded(status: int, headers: Iterable[Header]) -> bool:
    """True unless the head forbids it."""
    content_type = cache_control = b""
    for name, value in headers:
        if name == b"content-type":
            content_type = value
        elif name == b"cache-control":
            cache_control += value + b","
        elif name in {b"content-encoding", b"content-range"}:
            return False
    return status not in _WITHOUT_BODY and _may_be_kept(cache_control) and _is_text(content_type)


def _may_be_kept(cache_control: bytes) -> bool:
    """True if somebody has decided that it may. Without the header it will be no-store in the end."""
    directives = cache_control.lower()
    return bool(directives) and b"no-store" not in directives and b"no-transform" not in directives


@lru_cache(maxsize=64)
def _is_text(content_type: bytes) -> bool:
    media_type = content_type.partition(b";")[0].strip().lower()
    if media_type == b"text/event-stream":
        return False  # Who listens for hours would hold a compressor (2.6 MB) for some bytes now and then.
    return media_type in _TEXT or media_type.endswith(_TEXT_SUFFIXES) or media_type.startswith(b"text/")


def _encoded(head: Message, coding: bytes, *more: Header) -> Message:
    """The head of the same answer in `coding`, with `more` headers, of which one may be its length."""
    headers = [
        (name, coded_tag(value, coding) if name == b"etag" else value)
        for name, value in _with_vary(head["headers"])
        if name != b"content-length"
    ]
    return {**head, "headers": [*headers, (b"content-encoding", coding), *more]}


def _not_modified(head: Message, coding: bytes, given: Mapping[bytes, bytes]) -> Message:
    """The same 304 under the tag that the client holds: a cache must not renew what it keeps under another one.

    Of several tags in If-None-Match that fit, the one in `coding` is meant, or else the plain one.
    """
    held = given.get(b"if-none-match", b"")
    headers = _with_vary(head.get("headers", ()))
    for index, (name, value) in enumerate(headers):
        if name == b"etag":
            headers[index] = (name, _held_tag(value, held, _readable(given[b"accept-encoding"], coding)))
    return {**head, "headers": headers}


def _held_tag(etag: bytes, held: bytes, codings: tuple[bytes, ...]) -> bytes:
    in_first = coded_tag(etag, codings[0])
    if in_first in held:
        return in_first
    if etag in held:
        return etag
    return next((tag for coding in codings if (tag := coded_tag(etag, coding)) in held), etag)


@lru_cache(maxsize=HEADERS_KEPT)
def _readable(accepted: bytes, coding: bytes) -> tuple[bytes, ...]:
    """The codings that the client accepts, beginning with `coding`."""
    return (coding, *(other for other in CODINGS if other != coding and accepts(accepted, other)))


def _with_vary(headers: Iterable[Header]) -> list[Header]:
    """The headers, with one `Vary` that names Accept-Encoding as well."""
    others, lines = [], []
    for header in headers:
        if header[0] == b"vary":
            lines.append(header[1])
        else:
            others.append(header)
    return [*others, (b"vary", _vary(b", ".join(lines)))]


@lru_cache(maxsize=64)
def _vary(value: bytes) -> bytes:
    fields = [field.strip() for field in value.split(b",") if field.strip()]
    names = {field.lower() for field in fields}
    return b", ".join(fields if names & {b"accept-encoding", b"*"} else [*fields, b"Accept-Encoding"])


async def _nothing() -> None:
    return None
