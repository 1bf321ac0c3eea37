"""uvicorn's HTTP/1.1 connection, bounded: what the parser refuses or cannot finish never reaches the application.

uvicorn and httptools set no limit on the head of a request, take trailer fields for headers, and ask for no Host: a
client could grow the process without end, or say behind a proxy's back what the proxy removes, or what it reads
otherwise. All of it ends here, as problem documents. Source: RFC 9112, 3.2.
"""

from http import HTTPStatus
from random import getrandbits
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.api.problems import problem
from app.http_response import answering
from app.middleware.security_headers import FIXED_HEADERS

# Twice what the usual proxies let through. Also bounds trailers and chunk extensions.
HEAD_LIMIT_BYTES = 32_768
_VERSIONS = frozenset({"1.0", "1.1"})
_TOO_LARGE = f"The head of the request is larger than {HEAD_LIMIT_BYTES} bytes."


class _UnacceptableHead(Exception):
    """Ends the parsing of a head that is well-formed and refused all the same."""


class _NoTrailers(list[tuple[bytes, bytes]]):
    """Where trailer fields go: the parser reports them exactly like headers."""

    def append(self, field: tuple[bytes, bytes], /) -> None:
        """Forgets the field."""


class BoundedHttp(HttpToolsProtocol):
    """One connection. `_idle_bytes` counts what came since the last complete head or piece of a body."""

    _idle_bytes = 0
    _is_head_too_large = False

    def data_received(self, data: bytes) -> None:
        """Parses `data`; ends the connection when a head, a trailer or a chunk size is too long."""
        self._idle_bytes += len(data)
        super().data_received(data)
        if self._idle_bytes > HEAD_LIMIT_BYTES and not self.transport.is_closing():
            self._refuse(431, "HEADERS_TOO_LARGE", _TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Starts the request. Raises _UnacceptableHead, which the parser passes on as one of its own errors."""
        self._require_acceptable_head()
        self._idle_bytes = 0
        super().on_headers_complete()
        if not self.parser.should_upgrade():
            self.headers = _NoTrailers()

    def on_body(self, body: bytes) -> None:
        """Hands a piece of the body on."""
        self._idle_bytes = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Answers what is not HTTP; `msg` names no reason that a client could use."""
        del msg
        if self._is_head_too_large:
            self._refuse(431, "HEADERS_TOO_LARGE", _TOO_LARGE)
            return
        self._refuse(400, "MALFORMED_REQUEST", "This is not a valid HTTP/1.1 request.")

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, answering(app, cycle))

    def _unsupported_upgrade_warning(self) -> None:
        """Says nothing: a server may ignore an offer to upgrade (RFC 9110, 7.8), and clients make many."""

    def _require_acceptable_head(self) -> None:
        # What came in one piece may be more than the head; only then is it worth counting.
        if self._idle_bytes > HEAD_LIMIT_BYTES:
            lines = sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)
            self._is_head_too_large = len(self.url) + lines > HEAD_LIMIT_BYTES
        version = self.parser.get_http_version()
        hosts = [name for name, _ in self.headers].count(b"host")
        if self._is_head_too_large or version not in _VERSIONS or hosts > 1 or (hosts == 0 and version != "1.0"):
            raise _UnacceptableHead

    def _refuse(self, status: int, code: str, detail: str) -> None:
        cycle: RequestResponseCycle | None = self.cycle  # None until the first request, whatever its type says.
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            self.transport.close()  # A second answer inside the first one would be taken for a part of it.
            return
        request_id = f"{getrandbits(128):032x}"
        scope: Scope = {"type": "http", "path": "", "headers": [], "state": {"request_id": request_id}}
        answer = problem(scope, status, code, detail, headers={"X-Request-Id": request_id, "Connection": "close"})
        given = {name for name, _ in answer.raw_headers}
        headers = [
            *self.server_state.default_headers,
            *answer.raw_headers,
            *(header for header in FIXED_HEADERS if header[0] not in given),
        ]
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(), *(b": ".join(header) for header in headers)]
        self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + bytes(answer.body))
        self.transport.close()
