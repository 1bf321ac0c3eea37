"""TLS on the way to PostgreSQL. The embedded server is built without it, so the way to it is what speaks it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from app.database.errors import DatabaseUnavailable
from app.database.executor import Database
from app.database.inspection import DatabaseUnreachable, inspect
from app.database.migrations import head
from app.settings import load_settings
from tests.certificates import make_certificate, server_context
from tests.listeners import serving

SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # eight bytes long, 1234.5679


@dataclass
class Front:
    """A port before the server: it offers TLS if it has a certificate, and knows what came to it in the clear."""

    port: int
    database: str
    user: str
    protocols: list[str | None] = field(default_factory=list)
    overheard: bytes = b""

    def url(self, options: str, host: str = "127.0.0.1") -> str:
        return f"postgresql://{quote(self.user)}:secret@{host}:{self.port}/{self.database}?{options}"


@asynccontextmanager
async def front(database_url: str, tls: ssl.SSLContext | None) -> AsyncIterator[Front]:
    probe = await asyncpg.connect(database_url)
    user, name = await probe.fetchrow("SELECT current_user, current_database()") or ("", "")
    address: str | tuple[str, int] = probe._addr  # type: ignore[attr-defined]  # asyncpg does not say it otherwise
    await probe.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(8)
        if first == SSL_REQUEST:
            writer.write(b"S" if tls else b"N")
            await writer.drain()
            first = b""
            if tls is not None:
                await writer.start_tls(tls)
                started.protocols.append(writer.get_extra_info("ssl_object").version())
                await pass_on(reader, writer, address)
                return
        started.overheard += first
        while data := await reader.read(65_536):
            started.overheard += data

    async with serving(handle) as port:
        started = Front(port, name, user)
        yield started


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str | tuple[str, int]) -> None:
    inner_reader, inner_writer = await (
        asyncio.open_unix_connection(address) if isinstance(address, str) else asyncio.open_connection(*address)
    )
    try:
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))
    finally:
        inner_writer.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


async def test_the_service_and_its_tools_go_through_it(lone_url: str, certificate: Path) -> None:
    async with front(lone_url, server_context(certificate)) as way:
        url = way.url(f"sslmode=verify-full&sslrootcert={quote(str(certificate))}")
        assert (await inspect(url)).revision == head()
        database = Database(load_settings(DATABASE_URL=url, DB_POOL_SIZE="1").database)
        async with database.transaction() as work:
            assert await work._connection.raw.fetchval("SELECT repeat('x', 100000)") == "x" * 100_000
        await database.close()
        assert way.protocols == ["TLSv1.3", "TLSv1.3"]
        assert way.overheard == b""


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
async def test_an_authority_that_is_not_named_is_not_believed(lone_url: str, tmp_path: Path, mode: str) -> None:
    shown, named = make_certificate(tmp_path), make_certificate(tmp_path, "127.0.0.2")
    async with front(lone_url, server_context(shown)) as way:
        with pytest.raises(DatabaseUnreachable, match="certificate verify failed"):
            await inspect(way.url(f"sslmode={mode}&sslrootcert={quote(str(named))}"))


async def test_a_certificate_for_another_name_is_refused(lone_url: str, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "db.example.com")
    async with front(lone_url, server_context(certificate)) as way:
        root = f"sslrootcert={quote(str(certificate))}"
        with pytest.raises(DatabaseUnreachable, match="mismatch"):
            await inspect(way.url(f"sslmode=verify-full&{root}"))
        assert (await inspect(way.url(f"sslmode=verify-ca&{root}"))).revision == head()


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_where_tls_is_not_offered_nothing_is_said(lone_url: str, certificate: Path, mode: str) -> None:
    async with front(lone_url, None) as way:
        url = way.url(f"sslmode={mode}&sslrootcert={quote(str(certificate))}")
        with pytest.raises(DatabaseUnreachable):
            await inspect(url)
        database = Database(load_settings(DATABASE_URL=url).database)
        with pytest.raises(DatabaseUnavailable):
            async with database.transaction():
                pass
        await database.close()
        assert way.overheard == b""


async def test_without_a_mode_it_would_be_said_in_the_clear(lone_url: str) -> None:
    """Otherwise the test above would prove nothing."""
    async with front(lone_url, None) as way:
        with pytest.raises((DatabaseUnreachable, TimeoutError)):
            await asyncio.wait_for(inspect(way.url("sslmode=prefer")), 2)
    assert way.user.encode() in way.overheard
