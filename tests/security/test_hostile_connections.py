"""Bytes on a connection: requests that two readers could take for different ones, and paths in disguise.

A request that is ambiguous is refused and its connection closed, so nothing that follows is read as a request.
"""

import re
import socket
from collections.abc import Iterator

import pytest

from app.http_protocol import HEAD_LIMIT_BYTES
from app.settings import Settings
from tests.contract.live import LiveService, Person
from tests.security.operations import operations

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST = b"POST /api/v2/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def live(settings: Settings) -> Iterator[LiveService]:
    with LiveService(settings) as service:
        yield service


@pytest.fixture(scope="module")
def person(live: LiveService) -> Person:
    return live.person("Ann")


def said(live: LiveService, *pieces: bytes, patience_seconds: float = 10) -> bytes:
    """All that the service says to these bytes until it closes, or has nothing more to say for so long."""
    heard = b""
    address = live.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=patience_seconds) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            while data := connection.recv(65_536):
                heard += data
        except (TimeoutError, ConnectionError):
            return heard
    return heard


def statuses(heard: bytes) -> list[int]:
    """The statuses of all answers in it."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", heard)]


AMBIGUOUS = {
    "length and chunked": POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
    "two lengths in one line": POST + b"Content-Length: 0, %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
    "a length with a sign": POST + b"Content-Length: +%d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
    "a negative length": POST + b"Content-Length: -1\r\n\r\n" + SMUGGLED,
    "a length in hexadecimal": POST + b"Content-Length: 0x0\r\n\r\n" + SMUGGLED,
    "a length with a blank inside": POST + b"Content-Length: 1 0\r\n\r\n" + SMUGGLED,
    "an endless length": POST + b"Content-Length: 99999999999999999999999\r\n\r\n" + SMUGGLED,
    "a blank before the colon": POST + b"Content-Length : 0\r\n\r\n" + SMUGGLED,
    "a blank before the colon of chunked": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked and identity": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "an unknown coding and a length": POST + b"Transfer-Encoding: x\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
    "a vertical tab in the coding": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a folded header": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a folded length": POST + b"Content-Length:\r\n 0\r\n\r\n" + SMUGGLED,
    "a bare line feed": b"GET /health/live HTTP/1.1\nHost: x\nX: y\n\n" + SMUGGLED,
    "a bare carriage return": b"GET /health/live HTTP/1.1\r\nHost: x\rX-Evil: 1\r\n\r\n" + SMUGGLED,
    "NUL in a header": b"GET /health/live HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n" + SMUGGLED,
    "a chunk size with a sign": POST + b"Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n" + SMUGGLED,
    "a chunk size with 0x": POST + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + SMUGGLED,
    "a negative chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + SMUGGLED,
    "a chunk size that overflows": POST + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n" + SMUGGLED,
    "a chunk longer than it says": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n" + SMUGGLED,
    "an extension with a bare line feed": POST + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\nxx\r\n0\r\n\r\n" + SMUGGLED,
    "a space in the target": b"GET /health/live x HTTP/1.1\r\nHost: x\r\n\r\n" + SMUGGLED,
    "no target": b"GET HTTP/1.1\r\nHost: x\r\n\r\n" + SMUGGLED,
    "another version": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n" + SMUGGLED,
    "no version that is one": b"GET / HTTP/1.1x\r\nHost: x\r\n\r\n" + SMUGGLED,
}


class TestAmbiguity:
    @pytest.mark.parametrize("request_bytes", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
    def test_an_ambiguous_request_is_refused_and_nothing_behind_it_is_read(
        self, live: LiveService, request_bytes: bytes
    ) -> None:
        heard = said(live, request_bytes)
        assert b"/smuggled" not in heard
        assert 404 not in statuses(heard), heard
        assert statuses(heard)[:1] in ([400], [413]), heard
        assert len(statuses(heard)) == 1, heard
        assert b"connection: close" in heard.lower(), heard

    def test_the_same_two_requests_are_two_where_nothing_is_ambiguous(self, live: LiveService) -> None:
        """Otherwise the test above would prove nothing."""
        assert statuses(said(live, POST + b"Content-Length: 2\r\n\r\n{}" + SMUGGLED)) == [422, 404]
        assert statuses(said(live, POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + SMUGGLED)) == [
            422,
            404,
        ]

    def test_chunk_extensions_are_skipped_and_bounded(self, live: LiveService) -> None:
        head = POST + b"Transfer-Encoding: chunked\r\n\r\n"
        assert statuses(said(live, head + b'2;a="b;c"\r\n{}\r\n0\r\n\r\n' + SMUGGLED)) == [422, 404]
        assert statuses(said(live, head + b"2;", *[b"a" * HEAD_LIMIT_BYTES] * 20)) in ([431], [])

    def test_a_request_without_a_host_is_refused(self, live: LiveService) -> None:
        assert statuses(said(live, b"GET /health/live HTTP/1.1\r\n\r\n")) == [400]

    def test_two_hosts_are_refused(self, live: LiveService) -> None:
        assert statuses(said(live, b"GET /health/live HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")) == [400]


class TestHeads:
    def test_many_headers_are_refused(self, live: LiveService) -> None:
        lines = b"".join(b"X-%d: y\r\n" % number for number in range(5000))
        heard = said(live, b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")
        assert statuses(heard) in ([431], [])  # [] where the rest of the head resets the connection under the answer.

    def test_a_token_of_a_megabyte_is_refused(self, live: LiveService, person: Person) -> None:
        token = person.headers["Authorization"].encode() + b"A" * 1_000_000
        heard = said(live, b"GET /api/v2/me HTTP/1.1\r\nHost: x\r\nAuthorization: " + token + b"\r\n\r\n")
        assert statuses(heard) in ([431], [])

    def test_a_long_target_is_refused(self, live: LiveService) -> None:
        heard = said(live, b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert statuses(heard) in ([400], [431], [])

    def test_the_service_goes_on(self, live: LiveService) -> None:
        assert live.http.get("/health/live").status_code == 200


PROTECTED = sorted(
    {each.path for each in operations() if each.method == "GET" and not each.is_public and not each.names}
)


def disguises(path: str) -> list[str]:
    """The path as it might be written to get past somebody who compares text."""
    first, _, last = path.rpartition("/")
    return [
        f"/{path}",
        f"{path}/",
        f"{path}//",
        f"{first}//{last}",
        f"{path};a=b",
        f"{first};a=b/{last}",
        f"{path}/.",
        f"{path}/..",
        f"{first}/./{last}",
        f"/x/..{path}",
        f"{first}/x/../{last}",
        f"{first}/%2e%2e/{last}",
        f"{first}/%2e/{last}",
        f"/health/live/../..{path}",
        f"/health/live/%2e%2e/%2e%2e{path}",
        f"/health/live/..%2f..{path}",
        f"/health/live%2f..%2f..{path}",
        f"/docs/assets/..%2f..{path}",
        f"{first}%2f{last}",
        f"{first}%2F{last}",
        f"{first}%5c{last}",
        f"{first}\\{last}",
        path.upper(),
        path.replace("a", "%61"),
        path.replace("a", "%2561"),
        path.replace("a", "\uff41"),
        path.replace("/api", "/\u0430pi"),
        f"{path}%00",
        f"{path}%20",
        f"{path}%09",
        f"{path}%0a",
        f"{path}#",
        f"{path}%23",
        f"{path}%3f",
        f"http://evil.test{path}",
        f"//evil.test{path}",
        path[1:],
    ]


class TestDisguises:
    @pytest.mark.parametrize("path", PROTECTED)
    def test_no_spelling_of_a_path_gets_around_the_token(self, live: LiveService, path: str) -> None:
        wrong = []
        for disguise in disguises(path):
            for name in (b"Host: x\r\n", b"Host: x\r\nX-Original-URL: /health/live\r\nX-Rewrite-URL: /health/live\r\n"):
                heard = said_at_once(live, b"GET " + disguise.encode() + b" HTTP/1.1\r\n" + name)
                if heard not in {400, 401, 404, 405}:
                    wrong.append(f"{disguise}: {heard}")
        assert wrong == []

    @pytest.mark.parametrize("path", PROTECTED)
    def test_a_spelling_that_is_taken_for_the_path_is_the_path(
        self, live: LiveService, person: Person, path: str
    ) -> None:
        """Escapes mean what they stand for (RFC 3986, 6.2.2); nothing else leads anywhere."""
        token = f"Authorization: {person.headers['Authorization']}\r\n".encode()
        honest = said_at_once(live, b"GET " + path.encode() + b" HTTP/1.1\r\nHost: x\r\n" + token)
        for disguise in disguises(path):
            heard = said_at_once(live, b"GET " + disguise.encode() + b" HTTP/1.1\r\nHost: x\r\n" + token)
            is_the_same = disguise in {path.replace("a", "%61"), f"{path}#", f"http://evil.test{path}"}
            assert heard in ({honest} if is_the_same else {400, 404, 405, 422}), f"{disguise}: {heard}"


def said_at_once(live: LiveService, head: bytes) -> int:
    """The status of the one answer to a request that ends here, on a connection that it closes."""
    (status,) = statuses(said(live, head + b"Connection: close\r\n\r\n"))
    return status
