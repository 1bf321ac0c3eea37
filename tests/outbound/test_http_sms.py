"""Text messages over HTTP, against real sockets: what is sent, what is believed, and how long anybody waits."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import respx

from app.outbound import http_client
from app.outbound.address_guard import AddressGuard
from app.outbound.http_client import BODY_LIMIT_BYTES, HttpClient
from app.outbound.http_sms import ATTEMPTS, HttpSms
from app.outbound.provider import DeliveryFailed, Outgoing
from tests.listeners import serving
from tests.outbound.conftest import Tls, silence

OUTGOING = Outgoing(uuid4(), "+491701234567", "", "Your code is 123456.")


async def request_of(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    """The request line, the headers and the body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    return head[0], headers, await reader.readexactly(int(headers.get("content-length", "0")))


def answering(*heads: bytes, body: bytes = b"{}") -> tuple[Any, list[tuple[str, dict[str, str], bytes]]]:
    """A handler that answers with each of the heads in turn, the last one for ever, and what it was asked."""
    asked: list[tuple[str, dict[str, str], bytes]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await request_of(reader))
        head = heads[min(len(asked), len(heads)) - 1]
        writer.write(b"HTTP/1.1 " + head + f"\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    return handle, asked


@pytest.fixture
async def client(local: AddressGuard, tls: Tls) -> AsyncIterator[HttpClient]:
    opened = HttpClient(local, tls=tls.client)
    yield opened
    await opened.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if all time limits were short."""
    monkeypatch.setattr(http_client, "WHOLE_SECONDS", 1.0)
    monkeypatch.setattr(http_client, "PHASES", httpx.Timeout(0.2))


def sms(client: HttpClient, port: int, *, scheme: str = "https", host: str = "provider.example.com") -> HttpSms:
    return HttpSms(client, f"{scheme}://{host}:{port}/v1/messages", "sesame")


class TestRequest:
    async def test_it_says_to_whom_and_what_under_the_id_of_the_message(self, client: HttpClient, tls: Tls):
        handler, asked = answering(b"202 Accepted")
        async with serving(handler, tls.server) as port:
            await sms(client, port).deliver(OUTGOING)
        ((line, headers, body),) = asked
        assert line == "POST /v1/messages HTTP/1.1"
        assert json.loads(body) == {"id": str(OUTGOING.id), "to": OUTGOING.to, "text": OUTGOING.text}
        assert headers["idempotency-key"] == str(OUTGOING.id)
        assert headers["authorization"] == "Bearer sesame"
        assert headers["host"] == f"provider.example.com:{port}", "the name, although an address was called"

    async def test_without_a_token_nothing_is_claimed(self, client: HttpClient, tls: Tls):
        handler, asked = answering(b"200 OK")
        async with serving(handler, tls.server) as port:
            await HttpSms(client, f"https://provider.example.com:{port}/", "").deliver(OUTGOING)
        assert "authorization" not in asked[0][1]


class TestAnswer:
    @pytest.mark.parametrize("status", ["500 Oh", "502 Bad Gateway", "503 Busy", "429 Too Many"])
    async def test_what_may_pass_is_repeated_at_once_with_the_same_key(self, client: HttpClient, tls: Tls, status: str):
        handler, asked = answering(status.encode(), b"200 OK")
        async with serving(handler, tls.server) as port:
            await sms(client, port).deliver(OUTGOING)
        assert [headers["idempotency-key"] for _, headers, _ in asked] == [str(OUTGOING.id)] * 2

    async def test_what_does_not_pass_is_given_back(self, client: HttpClient, tls: Tls):
        handler, asked = answering(b"503 Busy")
        async with serving(handler, tls.server) as port:
            with pytest.raises(DeliveryFailed, match="503") as failed:
                await sms(client, port).deliver(OUTGOING)
        assert (len(asked), failed.value.is_final) == (ATTEMPTS, False)

    @pytest.mark.parametrize(("status", "is_final"), [(400, True), (422, True), (401, False), (404, False)])
    async def test_a_refusal_is_final_unless_the_fault_is_ours(
        self, client: HttpClient, tls: Tls, status: int, *, is_final: bool
    ):
        handler, asked = answering(f"{status} No".encode())
        async with serving(handler, tls.server) as port:
            with pytest.raises(DeliveryFailed) as failed:
                await sms(client, port).deliver(OUTGOING)
        assert (len(asked), failed.value.is_final) == (1, is_final)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_redirects_are_not_followed(self, client: HttpClient, tls: Tls, status: int):
        target, visited = answering(b"200 OK")
        async with serving(target) as elsewhere:
            head = f"{status} Moved\r\nlocation: http://127.0.0.1:{elsewhere}/".encode()
            handler, _ = answering(head)
            async with serving(handler, tls.server) as port:
                with pytest.raises(DeliveryFailed, match=str(status)):
                    await sms(client, port).deliver(OUTGOING)
        assert visited == []

    async def test_a_body_without_end_is_not_read_to_its_end(self, client: HttpClient, tls: Tls):
        sent = 0

        async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            await request_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                sent += 65536
                await writer.drain()

        async with serving(flood, tls.server) as port:
            answer = await client.post(f"https://provider.example.com:{port}/", content=b"", headers={})
        assert len(answer.body) == BODY_LIMIT_BYTES
        assert sent < 500 * BODY_LIMIT_BYTES, "what the buffers of the sockets hold, and no more"

    async def test_a_bomb_is_not_unpacked(self, client: HttpClient, tls: Tls):
        handler, asked = answering(b"200 OK\r\ncontent-encoding: gzip", body=b"not even gzip")
        async with serving(handler, tls.server) as port:
            answer = await client.post(f"https://provider.example.com:{port}/", content=b"", headers={})
        assert answer.body == b"not even gzip"
        assert asked[0][1]["accept-encoding"] == "identity"


@pytest.mark.usefixtures("impatient")
class TestTime:
    async def fails_soon(self, client: HttpClient, handler: Any, tls: Tls | None) -> None:
        async with serving(handler, tls.server if tls else None) as port:
            started = asyncio.get_running_loop().time()
            with pytest.raises((httpx.TransportError, TimeoutError)):
                await client.post(f"https://provider.example.com:{port}/", content=b"x", headers={})
            assert asyncio.get_running_loop().time() - started < 2

    async def test_a_server_that_never_greets(self, client: HttpClient):
        await self.fails_soon(client, silence, None)

    async def test_a_server_that_never_answers(self, client: HttpClient, tls: Tls):
        await self.fails_soon(client, silence, tls)

    async def test_a_server_that_answers_a_byte_now_and_then(self, client: HttpClient, tls: Tls):
        """Each read comes in time; only the limit on the whole ends it."""

        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
            while True:
                writer.write(b"x")
                await asyncio.sleep(0.02)

        await self.fails_soon(client, drip, tls)


class TestTrust:
    async def test_a_server_that_is_not_there_is_tried_again_later(self, client: HttpClient):
        with pytest.raises(DeliveryFailed, match="ConnectError") as failed:
            await sms(client, 1).deliver(OUTGOING)
        assert not failed.value.is_final

    async def test_a_certificate_for_another_name_is_refused(self, client: HttpClient, tls: Tls):
        handler, asked = answering(b"200 OK")
        async with serving(handler, tls.server) as port:
            with pytest.raises(httpx.ConnectError, match="Hostname mismatch"):
                await client.post(f"https://another.example.com:{port}/", content=b"", headers={})
        assert asked == []

    async def test_a_certificate_that_nobody_signed_is_refused(self, local: AddressGuard, tls: Tls):
        handler, asked = answering(b"200 OK")
        strict = HttpClient(local)
        async with serving(handler, tls.server) as port:
            with pytest.raises(httpx.ConnectError, match="self-signed"):
                await strict.post(f"https://provider.example.com:{port}/", content=b"", headers={})
        await strict.close()
        assert asked == []

    async def test_two_names_of_one_address_share_no_connection(self, client: HttpClient, tls: Tls):
        """What was verified for the first name says nothing about the second."""
        handler, asked = answering(b"200 OK")
        async with serving(handler, tls.server) as port:
            await client.post(f"https://provider.example.com:{port}/", content=b"", headers={})
            with pytest.raises(httpx.ConnectError):
                await client.post(f"https://another.example.com:{port}/", content=b"", headers={})
        assert len(asked) == 1


class TestGuard:
    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001", "127.1"]
    )
    async def test_this_machine_is_not_called_under_any_name(self, host: str):
        handler, asked = answering(b"200 OK")
        guarded = HttpClient(AddressGuard())
        async with serving(handler) as port:
            with pytest.raises(DeliveryFailed, match="ConnectError"):
                await sms(guarded, port, scheme="http", host=host).deliver(OUTGOING)
        await guarded.close()
        assert asked == []

    async def test_the_environment_names_no_proxy(self, client: HttpClient, tls: Tls, monkeypatch: pytest.MonkeyPatch):
        handler, asked = answering(b"200 OK")
        proxy, proxied = answering(b"200 OK")
        async with serving(handler, tls.server) as port, serving(proxy) as proxy_port:
            for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
                monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy_port}")
            fresh = HttpClient(client._client._transport._guard, tls=tls.client)  # type: ignore[attr-defined]  # ours
            await sms(fresh, port).deliver(OUTGOING)
            await fresh.close()
        assert (len(asked), proxied) == (1, [])

    @respx.mock
    async def test_what_leaves_is_for_the_checked_address_and_names_the_host(self, client: HttpClient):
        """As it is below the guard, where the connection would be made."""
        route = respx.post("https://127.0.0.1/v1/messages").mock(return_value=httpx.Response(202))
        await HttpSms(client, "https://provider.example.com/v1/messages", "sesame").deliver(OUTGOING)
        request = route.calls.last.request
        assert request.headers["host"] == "provider.example.com"
        assert request.extensions["sni_hostname"] == "provider.example.com"
