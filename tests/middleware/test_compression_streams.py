"""Tests of the layer that encodes answers, where a body comes in parts or is too long for one."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.middleware.compression import Compression
from tests.codings import DECODED, NAMES, asking, reader

BODY = b"1,tidy up\n" * 300


def head(*headers: tuple[bytes, bytes]) -> Message:
    kept = [(b"cache-control", b"public"), (b"content-type", b"text/csv")]
    return {"type": "http.response.start", "status": 200, "headers": [*kept, *headers]}


def part(body: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


def sending(*messages: Message) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


class TestStreams:
    @pytest.mark.parametrize("coding", NAMES)
    async def test_each_part_can_be_read_when_it_has_left(self, exchange, coding: str):
        parts, read = [b"id,title\n", b"1,tidy up\n", b"", b"2,wash\n" * 9000], reader(coding)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            sent: list[Message] = []

            async def recording(message: Message) -> None:
                sent.append(message)
                await send(message)

            async def parts_of_it(scope: Scope, receive: Receive, send: Send) -> None:
                await send(head((b"content-length", b"63019"), (b"etag", b'"a"')))
                for piece in parts:
                    before = len(sent)
                    await send(part(piece, more=True))
                    bodies = [message["body"] for message in sent[before:] if "body" in message]
                    assert b"".join(map(read, bodies)) == piece
                await send(part(b"the end", more=False))

            await Compression(parts_of_it)(scope, receive, recording)

        answer = await exchange(app, headers=asking(coding))
        assert DECODED[coding](answer.body) == b"".join(parts) + b"the end"
        assert "content-length" not in answer.headers
        assert (answer.headers["content-encoding"], answer.headers["etag"]) == (coding, f'"a-{coding}"')
        assert [message["more_body"] for message in answer.messages[1:]] == [True] * 3 + [False]

    @pytest.mark.parametrize("coding", NAMES)
    async def test_one_long_body_leaves_in_slices_and_lets_others_work_meanwhile(self, exchange, coding: str):
        body = "".join(f"{number * 7919 % 100_003}," for number in range(100_000)).encode()
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        app = Compression(sending(head((b"content-length", b"%d" % len(body))), part(body, more=False)))
        other = asyncio.create_task(count())
        answer = await exchange(app, headers=asking(coding))
        other.cancel()
        assert DECODED[coding](answer.body) == body
        assert "content-length" not in answer.headers
        assert len(answer.messages) > 5
        assert turns >= len(body) // 65_536

    async def test_a_short_body_stays_as_it_is_in_parts_as_well(self, exchange):
        messages = head((b"content-length", b"4")), part(b"1,", more=True), part(b"2\n", more=False)
        assert (await exchange(Compression(sending(*messages)), headers=asking("br"))).messages == [*messages]

    async def test_trailers_and_what_else_an_extension_sends_pass(self, exchange):
        trailers = {"type": "http.response.trailers", "headers": [], "more_trailers": False}
        answer = await exchange(
            Compression(sending({**head(), "trailers": True}, part(BODY, more=True), part(b"", more=False), trailers)),
            headers=asking("zstd"),
        )
        assert answer.messages.pop() == trailers
        assert DECODED["zstd"](answer.body) == BODY

    async def test_an_answer_that_breaks_off_is_not_completed(self, exchange):
        sent: list[Message] = []

        async def failing(scope: Scope, receive: Receive, send: Send) -> None:
            await send(head())
            await send(part(BODY, more=True))
            raise ZeroDivisionError

        async def recording(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "headers_by_name": {b"accept-encoding": b"gzip"}}
        with pytest.raises(ZeroDivisionError):
            await Compression(failing)(scope, _never, recording)
        assert [message.get("more_body") for message in sent] == [None, True]

    @given(
        pieces=st.lists(st.one_of(st.binary(max_size=90), st.integers(0, 200_000).map(bytes)), min_size=1, max_size=6),
        coding=st.sampled_from(NAMES),
        ends_empty=st.booleans(),
    )
    async def test_however_a_body_is_cut_it_arrives_whole(self, pieces: list[bytes], coding: str, *, ends_empty: bool):
        sent = await _received(pieces, coding, ends_empty=ends_empty)
        whole = b"".join(message["body"] for message in sent[1:])
        is_encoded = (b"content-encoding", coding.encode()) in sent[0]["headers"]
        assert (DECODED[coding](whole) if is_encoded else whole) == b"".join(pieces)
        assert is_encoded or (
            len(pieces) == 1 and not ends_empty
        )  # Of one part alone it is known whether it is worth it.
        assert [message["more_body"] for message in sent[1:]] == [True] * (len(sent) - 2) + [False]


async def _received(pieces: Sequence[bytes], coding: str, *, ends_empty: bool) -> list[Message]:
    sent: list[Message] = []

    async def recording(message: Message) -> None:
        sent.append(message)

    last = len(pieces) - 1
    parts = [part(piece, more=ends_empty or number < last) for number, piece in enumerate(pieces)]
    app = sending(head(), *parts, *([part(b"", more=False)] if ends_empty else []))
    scope = {"type": "http", "headers_by_name": {b"accept-encoding": coding.encode()}}
    await Compression(app, stream_bytes=150_000)(scope, _never, recording)
    return sent


async def _never() -> Message:
    raise AssertionError("nobody should have read this")
