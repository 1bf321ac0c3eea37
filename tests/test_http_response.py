"""How answers get onto the wire: byte for byte as uvicorn would write them, in fewer packets."""

import asyncio
from collections.abc import Iterable

import pytest
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app import http_response
from app.http_protocol import BoundedHttp

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
OLD_GET = b"GET / HTTP/1.0\r\n\r\n"
LAST_GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Wire(asyncio.Transport):
    """A client's end of a connection: what was written to it, piece by piece."""

    def __init__(self) -> None:
        super().__init__({"peername": ("203.0.113.7", 1), "sockname": ("203.0.113.1", 80)})
        self.pieces: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if data:
            self.pieces.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        """Nothing is read by itself."""

    def resume_reading(self) -> None:
        """Nothing is read by itself."""


def start(*headers: tuple[bytes, bytes], status: int = 200) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(content: bytes = b"", *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


def length(content: bytes) -> tuple[bytes, bytes]:
    return b"Content-Length", b"%d" % len(content)


def sending(*messages: Message) -> ASGIApp:
    """An application that answers every request with these messages."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


def connected(app: ASGIApp, kind: type[HttpToolsProtocol] = BoundedHttp) -> tuple[HttpToolsProtocol, Wire]:
    """An open connection of the server to a client."""
    config = uvicorn.Config(app, ws="none", access_log=False, log_config=None)
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"Sun, 22 Nov 2026 07:00:00 GMT")]
    protocol, wire = kind(config, state, {}, asyncio.get_running_loop()), Wire()
    protocol.connection_made(wire)
    return protocol, wire


async def answered(app: ASGIApp, request: bytes, kind: type[HttpToolsProtocol] = BoundedHttp) -> Wire:
    """What the client has once everything that the request began has ended."""
    protocol, wire = connected(app, kind)
    protocol.data_received(request)
    while protocol.tasks:
        await asyncio.sleep(0)
    protocol._unset_keepalive_if_required()
    return wire


ANSWERS: dict[str, Iterable[Message]] = {
    "whole": [start(length(b"hello"), (b"X-Two", b"a\tb")), body(b"hello")],
    "empty": [start(length(b"")), body()],
    "in two pieces": [start(length(b"hello")), body(b"he", more=True), body(b"llo")],
    "of unknown length": [start(), body(b"hello")],
    "of unknown length, in pieces": [start(), body(b"he", more=True), body(more=True), body(b"llo", more=True), body()],
    "chunked by the application": [start((b"transfer-encoding", b"CHUNKED")), body(b"hello")],
    "no content": [start(status=204), body()],
    "not modified": [start(status=304), body()],
    "not modified, with a length": [start(length(b""), status=304), body()],
    "the last one": [start(length(b"hello"), (b"Connection", b"x, Close")), body(b"hello")],
    "with a status of its own": [start(length(b"hello"), status=299), body(b"hello")],
    "without headers or body": [{"type": "http.response.start", "status": 200}, {"type": "http.response.body"}],
    "large": [start(length(b"a" * 200_000)), body(b"a" * 200_000)],
    "too long": [start(length(b"hell")), body(b"hello")],
    "too short": [start(length(b"hello!")), body(b"hello")],
    "too short, in pieces": [start(length(b"hello!")), body(b"he", more=True), body(b"llo")],
    "none": [],
    "begun twice": [start(length(b"hello")), start(length(b"hello"))],
    "body first": [body(b"hello")],
    "ended twice": [start(length(b"hello")), body(b"hello"), body(b"hello")],
}


class TestTheBytes:
    @pytest.mark.parametrize("request_bytes", [GET, HEAD, OLD_GET, LAST_GET, GET + GET], ids=repr)
    @pytest.mark.parametrize("name", ANSWERS)
    async def test_are_uvicorns(self, name: str, request_bytes: bytes) -> None:
        app = sending(*ANSWERS[name])
        ours, theirs = await answered(app, request_bytes), await answered(app, request_bytes, HttpToolsProtocol)
        expected = b"".join(theirs.pieces)
        if name == "begun twice":
            # Its head has left there before the fault, and waits here for a body that never comes.
            assert (ours.pieces, len(theirs.pieces)) == ([], 1)
        else:
            assert b"".join(ours.pieces) == expected
        assert ours.is_closed == theirs.is_closed


class TestTheHead:
    async def test_leaves_with_the_body(self) -> None:
        wire = await answered(sending(*ANSWERS["whole"]), GET)
        assert len(wire.pieces) == 1
        assert len((await answered(sending(*ANSWERS["whole"]), GET, HttpToolsProtocol)).pieces) == 2

    async def test_is_not_copied_onto_a_large_body(self) -> None:
        wire = await answered(sending(*ANSWERS["large"]), GET)
        assert [len(piece) > http_response.JOINED_MAXIMUM_BYTES for piece in wire.pieces] == [False, True]

    async def test_leaves_with_a_first_piece_that_is_empty(self) -> None:
        """What a stream sends that has nothing to say yet."""
        go_on = asyncio.Event()

        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send(start())
            await send(body(more=True))
            await go_on.wait()
            await send(body())

        protocol, wire = connected(app)
        protocol.data_received(GET)
        await asyncio.sleep(0.01)
        assert wire.pieces[0].startswith(b"HTTP/1.1 200 OK\r\n")
        assert not any(b"0\r\n\r\n" in piece for piece in wire.pieces)
        go_on.set()
        await asyncio.gather(*protocol.tasks)

    @pytest.mark.parametrize("bad", [number for number in (*range(32), 127) if number != ord("\t")])
    @pytest.mark.parametrize("where", ["name", "value", "length"])
    async def test_cannot_be_split(self, bad: int, where: str) -> None:
        split = bytes([bad]) + b"Set-Cookie: stolen=1"
        headers = {"name": (b"x" + split, b"y"), "value": (b"x", split), "length": (b"content-length", b"0" + split)}
        wire = await answered(sending(start(length(b""), headers[where]), body()), GET)
        assert b"stolen" not in b"".join(wire.pieces)
        assert b"".join(wire.pieces).startswith(b"HTTP/1.1 500 ")

    async def test_names_do_not_pile_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http_response, "_STARTS", {})
        monkeypatch.setattr(http_response, "_STARTS_MAXIMUM", 3)
        for number in range(10):
            wire = await answered(sending(start(length(b""), (b"x-%d" % number, b"y")), body()), GET)
            assert b"x-%d: y\r\n" % number in wire.pieces[0]
        assert len(http_response._STARTS) == 3
        assert http_response._STARTS.keys().isdisjoint({b"Content-Length", b"content-length"})


class TestTheClient:
    async def test_that_has_left_is_sent_nothing(self) -> None:
        left = asyncio.Event()

        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            await left.wait()
            await send(start(length(b"hello")))
            await send(body(b"hello"))

        protocol, wire = connected(app)
        protocol.data_received(GET)
        protocol.connection_lost(None)
        left.set()
        await asyncio.gather(*protocol.tasks)
        assert wire.pieces == []

    async def test_that_reads_slowly_is_waited_for(self) -> None:
        protocol, wire = connected(sending(*ANSWERS["whole"]))
        protocol.pause_writing()
        protocol.data_received(GET)
        await asyncio.sleep(0.01)
        assert wire.pieces == []
        protocol.resume_writing()
        await asyncio.gather(*protocol.tasks)
        assert len(wire.pieces) == 1
        protocol._unset_keepalive_if_required()
