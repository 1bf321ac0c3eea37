"""Tests of requests as bytes and of single exchanges."""

import pytest

from bench.messages import Answer, UnexpectedAnswerError, request


class TestRequest:
    def test_a_get_ends_with_its_head(self) -> None:
        assert request("GET", "/todos?limit=20", token="abc") == (
            b"GET /todos?limit=20 HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
            b"Authorization: Bearer abc\r\n\r\n"
        )

    def test_an_uncached_answer_is_asked_for_by_a_header(self) -> None:
        assert b"\r\nCache-Control: no-cache\r\n" in request("GET", "/todos", uncached=True)

    def test_a_document_is_counted_in_bytes(self) -> None:
        head, _, body = request("POST", "/todos", document={"title": "Ä"}).partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
        assert b"Authorization" not in head


class TestDocument:
    def test_it_is_the_object_in_the_body(self) -> None:
        assert Answer(200, b'{"id": 1}').document() == {"id": 1}

    @pytest.mark.parametrize("answer", [Answer(404, b"{}"), Answer(200, b"[]"), Answer(200, b"no")])
    def test_anything_else_is_unexpected(self, answer: Answer) -> None:
        with pytest.raises(UnexpectedAnswerError):
            answer.document()
