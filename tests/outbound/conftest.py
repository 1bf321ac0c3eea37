"""Servers of other people: certificates that are theirs, and servers that misbehave."""

import asyncio
import ssl
from typing import NamedTuple

import pytest

from app.outbound.address_guard import AddressGuard, networks
from tests.certificates import make_certificate, server_context


class Tls(NamedTuple):
    """A certificate for `provider.example.com`: how its server shows it, and how a client trusts it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    certificate = make_certificate(tmp_path_factory.mktemp("tls"), "provider.example.com")
    return Tls(server_context(certificate), ssl.create_default_context(cafile=str(certificate)))


@pytest.fixture
def local() -> AddressGuard:
    """A guard that lets this machine be called, under whatever name."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    return AddressGuard(networks("127.0.0.0/8"), resolve=resolve)


async def silence(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Takes the connection and never says a word."""
    await asyncio.Event().wait()
