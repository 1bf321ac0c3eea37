"""Tests of the layer that encodes answers: what it touches, and what it says in the head."""

import threading
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.content_codings import encode
from app.api.responses import document, listing, resource
from app.middleware.compression import Compression
from app.middleware.head import Head
from tests.codings import DECODED, NAMES, asking

JSON = "application/json"
BODY = b'{"items": [' + b'{"title": "tidy up"},' * 100 + b"null]}"
Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
def ask(exchange) -> Ask:
    """One request for an answer in a coding."""

    def request(app: ASGIApp, accepted: str | None = "zstd", *, held: str | None = None, **more: Any) -> Awaitable[Any]:
        answer: Awaitable[Any] = exchange(app, headers=asking(accepted, held=held), **more)
        return answer

    return request


def text(body: bytes = BODY, *, media_type: str | None = JSON, status: int = 200, **headers: str) -> Response:
    own = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body, status, {"Cache-Control": "private, no-cache", **own}, media_type)


def head(*headers: tuple[bytes, bytes], status: int = 200) -> Message:
    kept = [(b"cache-control", b"public"), (b"content-type", b"text/csv")]
    return {"type": "http.response.start", "status": status, "headers": [*kept, *headers]}


def body_of(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": False}


def sending(*messages: Message) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


class TestWhatIsEncoded:
    @pytest.mark.parametrize("coding", NAMES)
    async def test_a_long_text_with_its_new_length(self, ask: Ask, coding: str):
        answer = await ask(Compression(text(ETag='"3-member"', Vary="Accept")), coding)
        assert DECODED[coding](answer.body) == BODY
        assert len(answer.messages) == 2
        assert answer.headers == {
            "cache-control": "private, no-cache",
            "content-encoding": coding,
            "content-length": str(len(answer.body)),
            "content-type": JSON,
            "etag": f'"3-member-{coding}"',
            "vary": "Accept, Accept-Encoding",
        }

    @pytest.mark.parametrize(
        "media_type",
        [
            "application/problem+json",
            "application/json; charset=utf-8",
            "Application/JSON",
            "text/html",
            "text/csv",
            "application/javascript",
            "image/svg+xml",
            "application/msgpack",
            "application/x-ndjson",
        ],
    )
    async def test_every_kind_of_text(self, ask: Ask, media_type: str):
        answer = await ask(Compression(text(media_type=media_type)))
        assert answer.headers["content-encoding"] == "zstd"

    async def test_from_the_smallest_length_on(self, ask: Ask):
        for length, is_encoded in ((1023, False), (1024, True)):
            answer = await ask(Compression(text(b"x" * length), minimum_bytes=1024))
            assert ("content-encoding" in answer.headers) is is_encoded

    async def test_without_brotli_it_is_not_offered(self, ask: Ask):
        answer = await ask(Compression(text(), offers_brotli=False), "br, gzip;q=0.5")
        assert answer.headers["content-encoding"] == "gzip"

    async def test_the_level_counts(self, ask: Ask):
        body = b"".join(b"%d:%x," % (number, number * 7919 % 4099) for number in range(2000))
        for coding in NAMES:
            sizes = [len((await ask(Compression(text(body), level=level), coding)).body) for level in (1, 9)]
            assert sizes[0] > sizes[1]

    async def test_a_weak_tag_stays(self, ask: Ask):
        assert (await ask(Compression(text(ETag='W/"abc"')))).headers["etag"] == 'W/"abc"'

    async def test_a_body_that_takes_long_is_encoded_in_a_thread(self, ask: Ask, monkeypatch):
        threads = []

        def recording(body: bytes, coding: bytes, level: int) -> bytes:
            threads.append(threading.current_thread() is threading.main_thread())
            return encode(body, coding, level)

        monkeypatch.setattr("app.middleware.compression.encode", recording)
        for body in (BODY, BODY * 100):
            answer = await ask(Compression(text(body)), "br")
            assert DECODED["br"](answer.body) == body
            assert answer.headers["content-length"] == str(len(answer.body))
        assert threads == [True, False]


class TestWhatStaysAsItIs:
    @pytest.mark.parametrize("accepted", [None, "", "identity", "deflate", "gzip;q=0", "br;q=2"])
    async def test_if_no_coding_is_wanted_nobody_looks_at_the_answer(self, ask: Ask, accepted: str | None):
        seen = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(send)

        async def outer(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(send)
            await Compression(app)(scope, receive, send)

        await ask(outer, accepted)
        assert seen[0] is seen[1]

    @pytest.mark.parametrize(
        "answer",
        [
            text(b"short"),
            text(Cache_Control="no-store"),
            text(Cache_Control="private, No-Store"),
            text(Cache_Control="public, no-transform"),
            Response(BODY, media_type=JSON),
            document({"refresh_token": "x" * 2000}),
            text(Content_Encoding="br"),
            text(Content_Encoding="identity"),
            text(status=206, Content_Range="bytes 0-9/10"),
            text(status=204),
            text(media_type="image/png"),
            text(media_type="application/octet-stream"),
            text(media_type="text/event-stream"),
            text(media_type=None),
        ],
        ids=lambda answer: f"{answer.status_code} {answer.headers}",
    )
    async def test_message_by_message(self, ask: Ask, answer: Response):
        plain = await ask(answer)
        assert (await ask(Compression(answer))).messages == plain.messages

    async def test_one_no_store_among_several_lines(self, ask: Ask):
        messages = head((b"cache-control", b"no-store"), (b"cache-control", b"private")), body_of(BODY)
        assert (await ask(Compression(sending(*messages)))).messages == [*messages]

    async def test_what_would_only_grow_but_caches_learn_that_it_depends(self, ask: Ask):
        body = bytes(number * number * 7919 % 8191 % 251 for number in range(1100))
        answer = await ask(Compression(text(zlib.compress(body, 9) + body[:1], ETag='"a"'), minimum_bytes=100))
        assert answer.headers["etag"] == '"a"'
        assert "content-encoding" not in answer.headers
        assert answer.headers["vary"] == "Accept-Encoding"

    async def test_what_a_server_sends_by_itself(self, ask: Ask):
        first = {"type": "http.response.debug", "info": {}}
        messages = first, head((b"content-length", b"5000")), {"type": "http.response.pathsend", "path": "/a"}
        assert (await ask(Compression(sending(*messages)))).messages == [*messages]

    async def test_a_head_that_lies_about_its_body_is_not_answered_for(self, ask: Ask):
        messages = head((b"content-length", b"5000")), body_of(b"")
        assert (await ask(Compression(sending(*messages)), method="HEAD")).messages == [*messages]

    async def test_nothing_is_sent_before_a_failure(self, ask: Ask):
        """So that the layers above can still answer."""
        sent = []

        async def failing(scope: Scope, receive: Receive, send: Send) -> None:
            await send(head())
            raise ZeroDivisionError

        async def outer(scope: Scope, receive: Receive, send: Send) -> None:
            async def recording(message: Message) -> None:
                sent.append(message)

            await Compression(failing)(scope, receive, recording)

        with pytest.raises(ZeroDivisionError):
            await ask(outer)
        assert sent == []

    async def test_a_message_that_is_sent_again_and_again_does_not_change(self, ask: Ask):
        messages = head((b"etag", b'"a"'), (b"vary", b"Accept")), body_of(BODY)
        app = Compression(sending(*messages))
        first, second = await ask(app), await ask(app)
        assert first.messages == second.messages
        assert messages == (head((b"etag", b'"a"'), (b"vary", b"Accept")), body_of(BODY))

    async def test_other_protocols_pass(self, passes_through):
        assert await passes_through(Compression)


class TestVary:
    @pytest.mark.parametrize(
        ("lines", "merged"),
        [
            ([], b"Accept-Encoding"),
            ([b"Accept, Authorization"], b"Accept, Authorization, Accept-Encoding"),
            ([b"Accept", b"Origin"], b"Accept, Origin, Accept-Encoding"),
            ([b"accept-encoding, Accept"], b"accept-encoding, Accept"),
            ([b"*"], b"*"),
            ([b""], b"Accept-Encoding"),
        ],
    )
    @pytest.mark.parametrize("status", [200, 304])
    async def test_names_the_header_once(self, ask: Ask, lines: list[bytes], merged: bytes, status: int):
        body = b"" if status == 304 else BODY
        start = head(*((b"vary", line) for line in lines), status=status)
        answer = await ask(Compression(sending(start, body_of(body))))
        assert [value for name, value in answer.messages[0]["headers"] if name == b"vary"] == [merged]


class TestNotModified:
    @pytest.mark.parametrize(
        ("held", "accepted", "named"),
        [
            ('"3-member-br"', "br", '"3-member-br"'),
            ('"3-member"', "br", '"3-member"'),
            ('"3-member", "3-member-br"', "br", '"3-member-br"'),
            ('"3-member-gzip"', "gzip, br", '"3-member-gzip"'),
            ('"3-member-gzip", "3-member"', "gzip, br", '"3-member"'),
            ('"3-member-br", "3-member-gzip"', "gzip, zstd", '"3-member-gzip"'),
            ('W/"3-member-br"', "br", '"3-member-br"'),
            ("*", "br", '"3-member"'),
        ],
    )
    async def test_names_the_tag_that_the_client_holds(self, ask: Ask, held: str, accepted: str, named: str):
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            await resource(request, {"title": "x" * 2000}, etag='"3-member"')(scope, receive, send)

        answer = await ask(Compression(app), accepted, held=held)
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", named)
        assert "Accept-Encoding" in answer.headers["vary"].split(", ")
        assert "content-encoding" not in answer.headers

    async def test_a_tag_that_was_coded_below_is_not_coded_twice(self, ask: Ask):
        app = Compression(text(b"", status=304, ETag='"3-member-br"'))
        for held in ('"3-member-br"', '"3-member", "3-member-br"'):
            assert (await ask(app, "br", held=held)).headers["etag"] == '"3-member-br"'

    @pytest.mark.parametrize("coding", NAMES)
    async def test_what_was_sent_is_recognised(self, ask: Ask, coding: str):
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            request, content = Request(scope, receive), {"title": "x" * 2000}
            answer = resource(request, content, etag='"3-member"')
            if scope["path"] == "/list":
                answer = listing(request, content)
            await answer(scope, receive, send)

        for path in ("/item", "/list"):
            first = await ask(Compression(app), coding, path=path)
            again = await ask(Compression(app), coding, path=path, held=first.headers["etag"])
            assert (first.status, again.status) == (200, 304)
            assert again.headers["etag"] == first.headers["etag"]


class TestHead:
    @pytest.mark.parametrize("accepted", ["zstd", "br", "gzip", "identity"])
    @pytest.mark.parametrize("answer", [text(ETag='"1-x"'), text(BODY * 30), text(b"short"), document({"a": "b"})])
    async def test_says_what_get_says(self, ask: Ask, answer: Response, accepted: str):
        app = Head(Compression(answer, stream_bytes=20_000))
        got, headed = await ask(app, accepted), await ask(app, accepted, method="HEAD")
        assert headed.messages[0] == got.messages[0]
        assert headed.body == b""
