"""Which addresses the service may connect to: public ones, and those private ones that the operator lists.

A name is resolved here and the address that was checked is the one that is connected to, so a name that answers
differently the next time (DNS rebinding) gains nothing. Source: the IANA special-purpose address registries (RFC 6890).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]

# Written out, since what Python calls private differs between its versions.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # behind a carrier's NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, and where clouds answer with credentials
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # relays to IPv6
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_PUBLIC_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocols, Teredo among them, which carries an IPv4 address
        "2001:db8::/32",
        "2002::/16",  # 6to4, which carries one as well
        "3fff::/20",
    )
)
# Both carry an IPv4 address in their last 32 bits, which is the one that counts.
_CARRIERS = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))


class AddressRefused(OSError):
    """There is no address behind the name that may be connected to."""


def is_public(address: Address) -> bool:
    """True if it is an address of the public network, unicast."""
    carried = carried_by(address)
    if isinstance(carried, IPv4Address):
        return not any(carried in network for network in _NOT_PUBLIC_4)
    return carried in _PUBLIC_6 and not any(carried in network for network in _NOT_PUBLIC_6)


def carried_by(address: Address) -> Address:
    """The IPv4 address inside an IPv4-mapped or NAT64 address; any other address itself."""
    if isinstance(address, IPv6Address) and any(address in carrier for carrier in _CARRIERS):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, in the system's order. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class AddressGuard:
    """Lets nobody connect to what is neither public nor listed."""

    def __init__(self, listed: Sequence[Network] = (), *, resolve: Resolve = resolve) -> None:
        self._listed = tuple(listed)
        self._resolve = resolve

    def permits(self, address: Address) -> bool:
        """True if it may be connected to."""
        carried = carried_by(address)
        return is_public(address) or any(
            carried.version == network.version and carried in network for network in self._listed
        )

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of `host` that may be connected to, at least one. Raises AddressRefused, OSError."""
        try:
            found = await self._resolve(host, port)
        except UnicodeError as error:  # No host can have such a name.
            raise AddressRefused(f"{host} is not a name") from error
        # A zone (fe80::1%eth0) belongs to link-local addresses, which are refused with or without it.
        permitted = [text for text in found if "%" not in text and self.permits(ip_address(text))]
        if not permitted:
            raise AddressRefused(f"{host} has no public address; OUTBOUND_PRIVATE_NETWORKS may list its network")
        return permitted

    async def connect(self, host: str, port: int, *, seconds: float) -> socket.socket:
        """A connection to the first permitted address that takes one. Raises OSError, TimeoutError among them."""
        async with asyncio.timeout(seconds):
            refused: OSError | None = None
            for text in await self.addresses(host, port):
                try:
                    return await _connected(text, port)
                except TimeoutError:
                    raise
                except OSError as error:
                    refused = error
        raise refused or AddressRefused(host)


async def _connected(text: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ip_address(text).version == 6 else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, (text, port))
    except BaseException:
        connection.close()
        raise
    return connection


def networks(*texts: str) -> tuple[Network, ...]:
    """Networks in CIDR notation."""
    return tuple(ip_network(text) for text in texts)
