"""Server-side request forgery: nothing that the service calls can be turned against the network that it stands in."""

import ast
import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import stamina

import app
from app.outbound.provider import Channel, DeliveryFailed, Outgoing
from app.outbound.providers import Providers
from app.settings import load_settings, variables
from tests.security.operations import VERSIONS, document_of

SOURCES = Path(app.__file__).parent
# What can make a connection of its own. Whoever imports one of these is either behind the guard, or listed here.
CALLERS = {
    "aiohttp",
    "aiosmtplib",
    "ftplib",
    "http.client",
    "httpx",
    "requests",
    "smtplib",
    "urllib.request",
    "urllib3",
}
BESIDE_THE_GUARD = {
    "development.py": "asks the process that it has started itself whether it answers",
    "doctor.py": "asks the service at its own address whether it answers",
}
# Every setting that is an address: how the service calls it, or why it need not be guarded.
CALLED: dict[str, Channel] = {"SMTP_URL": "mail", "SMS_URL": "sms"}
NOT_CALLED = {
    "DATABASE_URL": "the operator's own database: a private address is what it should be",
    "MIGRATION_DATABASE_URL": "as DATABASE_URL",
    "REDIS_URL": "as DATABASE_URL",
    "PUBLIC_BASE_URL": "only written into links",
    "ACCOUNT_PAGES_URL": "as PUBLIC_BASE_URL",
}
# Members of bodies that are addresses for the service to call, by schema and name; the feature's tests attack them.
GIVEN_BY_CLIENTS: set[tuple[str, str]] = set()

HOSTS = (
    "127.0.0.1",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",  # noqa: S104 - nothing is bound to it
    "0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "\u2460\u2461\u2466.0.0.1",
    "127\u30020\u30020\u30021",
    "LOCALHOST",
    "localhost.",
)


@asynccontextmanager
async def listener() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A port of this machine, by both protocols where there are both, and one entry for each connection to it."""
    heard: list[bytes] = []

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(b"")
        writer.close()
        await writer.wait_closed()

    servers = [await asyncio.start_server(hang_up, "127.0.0.1", 0)]
    port = servers[0].sockets[0].getsockname()[1]
    with suppress(OSError):
        servers.append(await asyncio.start_server(hang_up, "::1", port))
    try:
        yield port, heard
    finally:
        for server in servers:
            server.close()


async def attempt(variable: str, host: str, port: int, *, private_networks: str = "") -> None:
    """Sends one message through a way out that leads to that host. Raises DeliveryFailed."""
    if variable == "SMTP_URL":
        given = {
            "MAIL_PROVIDER": "smtp",
            "MAIL_FROM": "todo@example.com",
            variable: f"smtp://{host}:{port}?starttls=off",
        }
    else:
        given = {"SMS_PROVIDER": "http", variable: f"http://{host}:{port}/send"}
    settings = load_settings(ENVIRONMENT="test", OUTBOUND_PRIVATE_NETWORKS=private_networks, **given)
    ways = Providers(settings.outbound)
    try:
        await ways.of(CALLED[variable]).deliver(Outgoing(uuid4(), "someone@example.com", "Subject", "Text"))
    finally:
        await ways.close()


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Nobody tries again: that nothing answers is what these tests are about."""
    with stamina.set_testing(testing=True, attempts=1):
        yield


@pytest.mark.parametrize("variable", CALLED)
class TestSettings:
    @pytest.mark.parametrize("host", HOSTS)
    async def test_no_spelling_of_this_machine_is_called(self, variable: str, host: str) -> None:
        async with listener() as (port, heard):
            # The last two where the address is refused before anybody is asked for it.
            with pytest.raises((DeliveryFailed, ValueError, httpx.InvalidURL)):
                await attempt(variable, host, port)
            assert heard == []

    async def test_it_would_be_called_if_the_operator_listed_it(self, variable: str) -> None:
        """Otherwise the test above would prove nothing."""
        async with listener() as (port, heard):
            with pytest.raises(DeliveryFailed):
                await attempt(variable, "127.0.0.1", port, private_networks="127.0.0.0/8")
            assert heard


class TestEverything:
    def test_every_address_among_the_settings_is_known_here(self) -> None:
        addresses = {name for name in variables() if re.search(r"(URL|URI|ENDPOINT|WEBHOOK|CALLBACK)$", name)}
        assert addresses == CALLED.keys() | NOT_CALLED.keys()

    def test_nothing_makes_connections_beside_the_guard(self) -> None:
        found = set()
        for path in sorted(SOURCES.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                if CALLERS & set(names):
                    found.add(str(path.relative_to(SOURCES)))
        beside = {place for place in found if not place.startswith("outbound/")}
        assert beside == BESIDE_THE_GUARD.keys()

    @pytest.mark.parametrize("version", VERSIONS)
    def test_clients_give_no_address_to_call_that_is_not_known_here(self, version: str) -> None:
        schemas: dict[str, dict[str, Any]] = document_of(version)["components"]["schemas"]
        sent = {name: schema for name, schema in schemas.items() if schema.get("additionalProperties") is False}
        assert sent, "bodies are told by refusing members that they do not know"
        addresses = {
            (name, member)
            for name, schema in sent.items()
            for member, each in schema.get("properties", {}).items()
            if "uri" in str(each.get("format", ""))
            or re.search(r"(?i)(^|_)(url|uri|href|host|webhook|callback)$", member)
        }
        assert addresses <= GIVEN_BY_CLIENTS
