"""The service connects to public addresses, and to private ones that the operator lists."""

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.outbound.address_guard import AddressGuard, AddressRefused, carried_by, is_public, networks

PRIVATE = [
    "0.0.0.0",  # noqa: S104 - nothing is bound to it
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456:789a::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "192.0.1.1", "223.255.255.255"]
PUBLIC += ["2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]


def guard(*found: str, listed: tuple[str, ...] = ()) -> AddressGuard:
    """A guard of a world in which every name has these addresses."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return list(found)

    return AddressGuard(networks(*listed), resolve=resolve)


class TestPermits:
    @pytest.mark.parametrize("address", PRIVATE)
    def test_what_is_not_public_is_refused(self, address: str):
        assert not AddressGuard().permits(ip_address(address))

    @pytest.mark.parametrize("address", PUBLIC)
    def test_what_is_public_is_permitted(self, address: str):
        assert AddressGuard().permits(ip_address(address))

    @given(st.ip_addresses(v=4))
    def test_a_mapped_address_counts_as_what_it_carries(self, address: IPv4Address):
        for carrier in ("::ffff:0:0", "64:ff9b::"):
            mapped = IPv6Address(int(IPv6Address(carrier)) | int(address))
            assert carried_by(mapped) == address
            assert is_public(mapped) == is_public(address)

    @given(st.ip_addresses())
    def test_nothing_is_public_that_python_calls_loopback_link_local_or_multicast(self, address: IPv4Address):
        if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
            assert not is_public(address)

    def test_the_operator_lists_what_else_may_be_called(self):
        listing = AddressGuard(networks("10.1.0.0/16", "fd00::/8"))
        assert listing.permits(ip_address("10.1.2.3"))
        assert listing.permits(ip_address("::ffff:10.1.2.3"))
        assert listing.permits(ip_address("fd00::7"))
        assert not listing.permits(ip_address("10.2.0.1"))
        assert not listing.permits(ip_address("127.0.0.1"))


class TestAddresses:
    @pytest.mark.parametrize("address", PRIVATE)
    async def test_a_name_with_a_private_address_is_refused(self, address: str):
        with pytest.raises(AddressRefused, match="OUTBOUND_PRIVATE_NETWORKS"):
            await guard(address).addresses("innocent.example.com", 443)

    async def test_of_several_addresses_only_the_permitted_are_used(self):
        found = await guard("127.0.0.1", "8.8.8.8", "fe80::1%eth0", "::1").addresses("mixed.example.com", 443)
        assert found == ["8.8.8.8"]

    @pytest.mark.parametrize("spelling", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost"])
    async def test_no_spelling_of_this_machine_gets_through(self, spelling: str):
        """By the system's own resolver."""
        with pytest.raises(OSError):  # noqa: PT011 - some systems do not even resolve the odd ones
            await AddressGuard().addresses(spelling, 80)

    @pytest.mark.parametrize("name", ["a" * 64 + ".example.com", "a..b", "\u2024"])
    async def test_a_name_that_no_host_can_have_is_refused(self, name: str):
        with pytest.raises(OSError):  # noqa: PT011 - as above
            await AddressGuard().addresses(name, 80)


class TestConnect:
    @pytest.fixture
    async def port(self):
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()

    async def test_the_checked_address_is_the_one_connected_to(self, port: int):
        """A name that is public when it is looked at and private a moment later (DNS rebinding)."""
        answers = [["8.8.8.8"], ["127.0.0.1"]]

        async def rebinding(_host: str, _port: int) -> list[str]:
            return answers.pop(0)

        asked = AddressGuard(resolve=rebinding)
        connected: list[tuple[str, int]] = []
        loop = asyncio.get_running_loop()

        async def sock_connect(_socket: socket.socket, address: tuple[str, int]) -> None:
            connected.append(address)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "sock_connect", sock_connect)
            (await asked.connect("rebinding.example.com", port, seconds=1)).close()
        assert connected == [("8.8.8.8", port)]
        assert answers == [["127.0.0.1"]], "it is resolved once"

    async def test_the_next_address_is_tried(self, port: int):
        listing = guard("127.0.0.9", "127.0.0.1", listed=("127.0.0.0/8",))
        connection = await listing.connect("two.example.com", port, seconds=2)
        assert connection.getpeername() == ("127.0.0.1", port)
        connection.close()

    async def test_it_takes_no_longer_than_it_may(self):
        async def never(_host: str, _port: int) -> list[str]:
            await asyncio.Event().wait()
            return []

        with pytest.raises(TimeoutError):
            await AddressGuard(resolve=never).connect("slow.example.com", 443, seconds=0.05)
