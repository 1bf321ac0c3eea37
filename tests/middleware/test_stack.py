"""Tests of all layers together: their order, and what a real server makes of them."""

import asyncio
import io
import json
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
import uvicorn
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.middleware import stack
from app.middleware.overload import admission_for
from app.settings import Settings, load_settings
from app.telemetry.logging import configure

SECURITY = {"x-content-type-options", "strict-transport-security", "content-security-policy", "referrer-policy"}
SECURITY |= {"cross-origin-resource-policy", "permissions-policy", "cache-control", "x-request-id"}


def settings(**variables: str) -> Settings:
    return load_settings(ENVIRONMENT="test", **variables)


def layers(**variables: str) -> list[Middleware]:
    loaded = settings(**variables)
    return stack(loaded, admission_for(loaded.load))


def application(**variables: str) -> FastAPI:
    """A few routes inside every layer."""
    # The guard belongs to a running service, and there is none around these routes.
    app = FastAPI(middleware=layers(ENABLE_ENHANCED_SECURITY="false", **variables), openapi_url=None)

    @app.get("/api/v2/hello")
    async def hello() -> Response:
        return PlainTextResponse("hello")

    @app.post("/api/v2/echo")
    async def echo(request: Request) -> Response:
        return Response(await request.body())

    @app.get("/api/v1/bug")
    @app.get("/api/v2/bug")
    async def bug() -> Response:
        raise ZeroDivisionError

    @app.get("/api/v2/stalling")
    async def stalling() -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield b"the first part"
            await asyncio.Event().wait()

        return StreamingResponse(parts())

    return app


@pytest.fixture
def log() -> Iterator[io.BytesIO]:
    """What the configured process writes."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.BytesIO()
    configure(settings(), stream=stream)
    yield stream
    root.handlers[0].close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def records(stream: io.BytesIO) -> list[dict[str, Any]]:
    logging.getLogger().handlers[0].flush()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def names(**variables: str) -> list[str]:
    return [layer.cls.__name__ for layer in layers(**variables)]  # type: ignore[attr-defined]  # all are classes


class TestOrder:
    def test_all_of_them(self):
        assert names(CORS_ORIGINS="https://app.example.com") == [
            "RequestContext",
            "AccessLog",
            "SecurityHeaders",
            "CrossOrigin",
            "Deprecation",
            "AbuseGuard",
            "Overload",
            "UnhandledErrors",
            "RequestLimits",
            "Head",
            "Compression",
            "EarlyReturn",
        ]

    def test_no_origins_no_layer(self):
        assert "CrossOrigin" not in names()

    def test_requests_are_information_and_not_logged_above_it(self):
        assert "AccessLog" in names(LOG_LEVEL="debug")
        assert "AccessLog" not in names(LOG_LEVEL="warning")


class TestTogether:
    async def test_a_bug_is_a_complete_answer_and_two_log_entries_under_one_id(self, browse, log: io.BytesIO):
        async with browse(application()) as client:
            answer = await client.get("/api/v1/bug", headers={"X-Request-Id": "abcdefgh"})
        assert answer.status_code == 500
        assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"] == "abcdefgh"
        assert set(answer.headers) >= SECURITY | {"deprecation", "sunset", "link"}
        error, request = records(log)
        assert (error["event"], error["request_id"]) == ("unhandled_error", "abcdefgh")
        assert error["exception"][0]["exc_type"] == "ZeroDivisionError"
        assert (request["event"], request["request_id"], request["status"]) == ("request", "abcdefgh", 500)
        assert request["error_code"] == "INTERNAL_ERROR"

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/nowhere", 404),
            ("DELETE", "/api/v2/hello", 405),
            ("POST", "/api/v2/echo", 413),
            ("HEAD", "/x", 404),
        ],
    )
    async def test_refusals_of_every_layer_are_dressed(self, browse, method: str, path: str, status: int):
        async with browse(application(BODY_LIMIT_BYTES="1024")) as client:
            answer = await client.request(method, path, content=b"x" * 2_000 if method == "POST" else b"")
        assert answer.status_code == status
        assert set(answer.headers) >= SECURITY

    async def test_an_allowed_origin_may_read_refusals(self, browse):
        async with browse(application(CORS_ORIGINS="https://app.example.com")) as client:
            answer = await client.get("/api/v2/bug", headers={"Origin": "https://app.example.com"})
        assert answer.status_code == 500
        assert answer.headers["access-control-allow-origin"] == "https://app.example.com"

    async def test_the_client_behind_a_trusted_proxy_is_the_one_that_is_logged(self, browse, log: io.BytesIO):
        async with browse(application(TRUSTED_PROXIES="10.0.0.0/8"), address="10.1.2.3") as client:
            await client.get("/api/v2/hello", headers={"X-Forwarded-For": "6.6.6.6, 198.51.100.7"})
        assert records(log)[-1]["client_address"] == "198.51.100.7"


class Server(uvicorn.Server):
    """uvicorn that tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[int]:
    """`app` behind uvicorn, as the service is run; yields the port."""
    config = uvicorn.Config(
        app,
        port=0,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    server = Server(config)
    task = asyncio.create_task(server.serve())
    await server.is_up.wait()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def talk(port: int, *sent: bytes) -> bytes:
    """Everything that the server says to `sent` until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in sent:
        writer.write(part)
        await writer.drain()
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


class TestOnARealServer:
    async def test_head_has_the_length_of_get_and_no_body(self):
        async with served(application()) as port:
            said = await talk(port, b"HEAD /api/v2/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        head, _, body = said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert b"content-length: 5" in head.lower()
        assert b"\r\nserver:" not in head.lower()
        assert body == b""

    async def test_a_chunked_body_that_is_too_large_is_refused_and_the_connection_closed(self):
        request = b"POST /api/v2/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        async with served(application(BODY_LIMIT_BYTES="1024")) as port:
            said = await talk(port, request, b"401\r\n" + b"x" * 1025 + b"\r\n")
        assert said.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in said.lower()

    async def test_a_declared_body_that_is_too_large_is_refused_before_it_comes(self):
        request = b"POST /api/v2/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n"
        async with served(application(BODY_LIMIT_BYTES="1024")) as port:
            said = await talk(port, request)
        assert said.startswith(b"HTTP/1.1 413 ")

    async def test_a_body_that_stops_coming_is_408(self):
        request = b"POST /api/v2/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"
        async with served(application(REQUEST_TIMEOUT="0.05")) as port:
            said = await talk(port, request)
        assert said.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in said.lower()

    async def test_an_answer_that_stalls_is_broken_off_and_cannot_be_taken_for_a_whole_one(self):
        request = b"GET /api/v2/stalling HTTP/1.1\r\nHost: x\r\n\r\n"
        async with served(application(REQUEST_TIMEOUT="0.05")) as port:
            said = await talk(port, request)
        assert b"the first part" in said
        assert not said.endswith(b"0\r\n\r\n")

    async def test_a_client_that_leaves_in_mid_body_is_no_error(self, log: io.BytesIO):
        app = application()
        is_over = asyncio.Event()

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            await app(scope, receive, send)
            is_over.set()

        async with served(watched) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /api/v2/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
            await writer.drain()
            writer.close()
            await is_over.wait()
        ours = [record for record in records(log) if record["logger"].startswith("app.")]
        assert [record["event"] for record in ours] == ["client_disconnected", "request"]
        assert {record["level"] for record in records(log)} == {"info"}

    async def test_header_bytes_that_are_no_text_are_no_error(self):
        request = b"GET /api/v2/hello HTTP/1.1\r\nHost: \xff\r\nX-Request-Id: \xff\xfe\r\nOrigin: \xe9\r\n"
        request += b"Traceparent: \x80\r\nX-Forwarded-For: \xff, \xfe\r\nConnection: close\r\n\r\n"
        async with served(application(TRUSTED_PROXIES="127.0.0.1/32", CORS_ORIGINS="https://a.example")) as port:
            said = await talk(port, request)
        assert said.startswith(b"HTTP/1.1 200 ")
