"""Calls to other people's HTTP servers: guarded addresses, no redirects, little time and few bytes.

Knows HTTP. Refuses to know what is said: providers do.
"""

import asyncio
import ssl
from dataclasses import dataclass

import httpx

from app.outbound.address_guard import AddressGuard

# Longer than connecting and the TLS handshake may take together: a handshake that is cancelled, instead of running out
# of its own time, leaves its socket open until it is collected (httpcore 1.0).
WHOLE_SECONDS = 12.0
PHASES = httpx.Timeout(connect=5.0, read=5.0, write=5.0, pool=5.0)
BODY_LIMIT_BYTES = 65_536
CONNECTIONS = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status and the beginning of the body."""

    status: int
    body: bytes


class GuardedTransport(httpx.AsyncBaseTransport):
    """Resolves the host of each request itself and connects to an address that was checked.

    Names stay what they were in the Host header and in TLS, where the certificate is verified against them.
    """

    def __init__(self, guard: AddressGuard, inner: httpx.AsyncBaseTransport) -> None:
        self._guard = guard
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx says. Raises httpx.ConnectError also for an address that may not be connected to."""
        name = request.url.raw_host.decode("ascii").strip("[]")
        port = request.url.port or {"http": 80, "https": 443}[request.url.scheme]
        try:
            addresses = await self._guard.addresses(name, port)
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        refused: httpx.ConnectError | None = None
        for address in addresses:
            try:
                return await self._inner.handle_async_request(_to(address, name, request))
            except httpx.ConnectError as error:
                refused = error
        raise refused or httpx.ConnectError("no address")

    async def aclose(self) -> None:
        """As httpx says."""
        await self._inner.aclose()


def _to(address: str, name: str, request: httpx.Request) -> httpx.Request:
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": name},
    )


class HttpClient:
    """The one way to call other servers over HTTP. `tls` verifies certificates, by default by the system's roots."""

    def __init__(self, guard: AddressGuard, *, tls: ssl.SSLContext | None = None) -> None:
        inner = httpx.AsyncHTTPTransport(
            verify=tls or ssl.create_default_context(),
            trust_env=False,
            # Every call on a connection of its own: httpx would keep it under the address, and two names that share an
            # address must not share what was verified for one of them.
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=0),
        )
        self._client = httpx.AsyncClient(
            transport=GuardedTransport(guard, inner),
            timeout=PHASES,
            follow_redirects=False,
            trust_env=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "todo-service"},
        )

    async def post(self, url: str, *, content: bytes, headers: dict[str, str]) -> Answer:
        """Sends `content` and returns the answer, whatever its status; of its body 64 KiB at most are read.

        Takes twelve seconds at most. Raises httpx.TransportError, TimeoutError.
        """
        async with (
            asyncio.timeout(WHOLE_SECONDS),
            self._client.stream("POST", url, content=content, headers=headers) as response,
        ):
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk[: BODY_LIMIT_BYTES - len(body)]
                if len(body) >= BODY_LIMIT_BYTES:
                    break
            return Answer(response.status_code, bytes(body))

    async def close(self) -> None:
        """Closes what is open."""
        await self._client.aclose()
