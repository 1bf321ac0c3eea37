"""What one connection may do to a server process, byte by byte."""

import json
from collections.abc import Iterator

import psutil
import pytest

from app.http_protocol import HEAD_LIMIT_BYTES
from app.middleware.security_headers import FIXED_HEADERS
from tests.server_processes import Server, serving

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(DRAIN_SECONDS="0") as running:
        yield running


def parsed(answer: bytes) -> tuple[int, dict[bytes, bytes], dict[str, object]]:
    """Status, headers and document of one answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *headers = head.split(b"\r\n")
    named = dict(header.lower().split(b": ", 1) for header in headers)
    return int(status.split()[1]), named, json.loads(body)


class TestRefusals:
    @pytest.mark.parametrize(
        "line", [b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n"]
    )
    def test_what_is_not_http_is_a_problem_document_with_every_header(self, server: Server, line: bytes):
        status, headers, document = parsed(server.say(line))
        assert status == 400
        assert document["code"] == "MALFORMED_REQUEST"
        assert headers[b"content-type"] == b"application/problem+json"
        assert headers[b"x-request-id"].decode() == document["request_id"]
        assert headers[b"connection"] == b"close"
        assert {name: headers[name] for name, _ in FIXED_HEADERS} == {
            name: value.lower() for name, value in FIXED_HEADERS
        }

    def test_a_head_without_end_is_refused(self, server: Server):
        # Just past the limit: what the server has not read when it closes would reset the connection under its answer.
        fields = [b"x-%d: %s\r\n" % (number, b"y" * 1000) for number in range(HEAD_LIMIT_BYTES // 1000 + 1)]
        status, _, document = parsed(server.say(b"GET / HTTP/1.1\r\nHost: x\r\n", *fields))
        assert (status, document["code"]) == (431, "HEADERS_TOO_LARGE")

    def test_one_endless_header_costs_no_memory(self, server: Server):
        process = psutil.Process(server.process.pid)
        before = process.memory_info().rss
        server.say(b"GET / HTTP/1.1\r\nHost: x\r\nx: ", *[b"y" * 1_000_000] * 50)
        assert process.memory_info().rss - before < 10_000_000

    def test_endless_trailers_are_cut_off(self, server: Server):
        answer = server.say(CHUNKED, b"0\r\n", *[b"x: %s\r\n" % (b"y" * HEAD_LIMIT_BYTES)] * 4)
        assert b"431" in answer.partition(b"\r\n")[0] or answer == b""

    def test_the_server_does_not_say_what_it_is(self, server: Server):
        assert b"server:" not in server.say(GET).lower()


class TestRequests:
    def test_trailers_are_not_headers(self, server: Server):
        _, _, facts = parsed(server.say(CHUNKED, b"0\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"))
        assert facts["body"] == 3
        assert facts["headers"] == {"host": "x", "transfer-encoding": "chunked"}

    def test_a_large_body_is_no_large_head(self, server: Server):
        size = HEAD_LIMIT_BYTES * 10
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size
        status, _, facts = parsed(server.say(head, *[b"a" * 1000] * (size // 1000), b"a" * (size % 1000)))
        assert (status, facts["body"]) == (200, size)

    def test_many_requests_on_one_connection_add_up_to_no_head(self, server: Server):
        count = HEAD_LIMIT_BYTES // len(GET) + 100
        assert server.say(*[GET] * count).count(b"HTTP/1.1 200 OK") == count

    def test_an_offer_to_upgrade_is_ignored(self, server: Server):
        offer = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        assert parsed(server.say(offer))[0] == 200
