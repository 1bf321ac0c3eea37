"""Reads HTTP/1.1 responses off a keep-alive connection, as cheaply as a load generator needs.

Knows the status line and Content-Length. Refuses chunked bodies and pipelining (RFC 9112 sections 7.1, 9.3.2).
"""

import re

_HEAD_END = b"\r\n\r\n"
_USUAL_LENGTH = b"\r\ncontent-length: "
_ANY_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_BODILESS = frozenset({204, 304})


class UnreadableResponseError(Exception):
    """What arrived is not one HTTP/1.1 response with a Content-Length."""


class ResponseReader:
    """The response being received on one connection."""

    __slots__ = ("_received",)

    def __init__(self) -> None:
        self._received = b""

    def feed(self, data: bytes) -> int:
        """The status of the response that `data` completes, or 0 while it is incomplete.

        Raises UnreadableResponseError when the bytes cannot be one response.
        """
        received = self._received + data if self._received else data
        head_end = received.find(_HEAD_END)
        if head_end < 0:
            self._received = received
            return 0
        status = _status(received)
        missing = head_end + 4 + _content_length(received, head_end, status) - len(received)
        if missing > 0:
            self._received = received
            return 0
        if missing < 0:
            raise UnreadableResponseError(f"{-missing} bytes arrived after the end of the response")
        self._received = b""
        return status


def _status(received: bytes) -> int:
    if not received.startswith(b"HTTP/1.") or not received[9:12].isdigit():
        raise UnreadableResponseError(f"no status line: {received[:40]!r}")
    return int(received[9:12])


def _content_length(received: bytes, head_end: int, status: int) -> int:
    """The length that the head declares; the usual spelling is looked for first because a regex costs microseconds."""
    start = received.find(_USUAL_LENGTH, 0, head_end)
    if start >= 0:
        start += len(_USUAL_LENGTH)
        digits = received[start : received.find(b"\r\n", start)]
        if digits.isdigit():
            return int(digits)
    if match := _ANY_LENGTH.search(received, 0, head_end + 2):
        return int(match[1])
    if status in _BODILESS:
        return 0
    raise UnreadableResponseError("the response has no Content-Length")
