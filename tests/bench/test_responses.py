"""Tests of reading responses off a connection."""

import pytest

from bench.responses import ResponseReader, UnreadableResponseError

CREATED = b"HTTP/1.1 201 Created\r\ndate: today\r\ncontent-length: 5\r\nx-a: b\r\n\r\nhello"


class TestFeed:
    def test_a_whole_response_gives_its_status(self) -> None:
        assert ResponseReader().feed(CREATED) == 201

    def test_every_byte_alone_gives_the_status_with_the_last(self) -> None:
        reader = ResponseReader()
        statuses = [reader.feed(CREATED[i : i + 1]) for i in range(len(CREATED))]
        assert statuses == [0] * (len(CREATED) - 1) + [201]

    def test_a_connection_is_read_again_after_each_response(self) -> None:
        reader = ResponseReader()
        assert [reader.feed(CREATED), reader.feed(CREATED[:30]), reader.feed(CREATED[30:])] == [201, 0, 201]

    @pytest.mark.parametrize(
        "header", [b"Content-Length: 2", b"CONTENT-LENGTH:2", b"content-length:\t2 ", b"content-length: 2"]
    )
    def test_the_length_is_found_in_any_spelling(self, header: bytes) -> None:
        assert ResponseReader().feed(b"HTTP/1.1 200 OK\r\n" + header + b"\r\n\r\nok") == 200

    def test_a_length_inside_the_body_is_not_a_header(self) -> None:
        response = b"HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\n\r\ncontent-length: 9\r\n"
        assert ResponseReader().feed(response) == 200

    def test_no_content_needs_no_length(self) -> None:
        assert ResponseReader().feed(b"HTTP/1.1 204 No Content\r\n\r\n") == 204

    @pytest.mark.parametrize(
        "response",
        [
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\ntwo",
            b"SSH-2.0-server\r\n\r\n",
        ],
        ids=["chunked", "more than one response", "not HTTP"],
    )
    def test_what_is_not_one_response_is_refused(self, response: bytes) -> None:
        with pytest.raises(UnreadableResponseError):
            ResponseReader().feed(response)
