"""Which network address a request comes from, whoever forwarded it, and what counts as one client.

Believes `X-Forwarded-For`, and that only from trusted proxies. `Forwarded` and `X-Real-IP` are never read: whoever does
not set them passes on what the client has claimed. Source: RFC 7239 §8.1 on why; RFC 4291 §2.5.5.2 and RFC 6177.
"""

import functools
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address, ip_network
from typing import NamedTuple

from starlette.types import Scope

Network = IPv4Network | IPv6Network

UNKNOWN_ADDRESS = "unknown"

# Addresses with a port: `192.0.2.1:8080`, `[2001:db8::1]:8080`, `[2001:db8::1]`.
_WITH_PORT = re.compile(r"(?P<v4>[0-9.]+):\d{1,5}|\[(?P<v6>[0-9A-Fa-f:.]+)\](?::\d{1,5})?", re.ASCII)
# The longest address there is, with a zone and a port.
_MAX_CHARACTERS = 64
# What one customer gets of IPv6, who can take another address of it for every request.
_CLIENT_PREFIX = 64


class Client(NamedTuple):
    """Where a request comes from: its address, and the key under which all addresses of one client are one."""

    address: str
    key: str


class _Hop(NamedTuple):
    client: Client | None
    is_trusted: bool


_NO_ADDRESS = _Hop(None, is_trusted=False)


class TrustedProxies:
    """Finds the client behind the proxies of `networks`: the only ones whose `X-Forwarded-For` is believed."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = tuple(networks)
        # Reading an address costs 5 µs or more, and the same ones come again. The bound is what a sender of random
        # addresses can make it hold.
        self._read = functools.lru_cache(maxsize=4096)(self._read_hop)

    def client(self, scope: Scope, headers: dict[bytes, bytes]) -> Client:
        """The right-most address that no trusted proxy has; the peer's own if the peer is not a trusted proxy.

        A hop that is not an address ends the walk: the proxy that reported it is then the last that is known.
        """
        peer = scope.get("client")
        if not peer:
            return Client(UNKNOWN_ADDRESS, UNKNOWN_ADDRESS)
        client, is_trusted = self._read(peer[0])
        if client is None:
            return Client(str(peer[0]), UNKNOWN_ADDRESS)
        if not is_trusted or b"x-forwarded-for" not in headers:
            return client
        # Several headers are one list, in the order in which they stand.
        hops = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
        for hop in reversed(hops.split(",")):
            text = hop.strip()
            # Asked here as well, so that no long text is remembered.
            previous, is_trusted = self._read(text) if len(text) <= _MAX_CHARACTERS else _NO_ADDRESS
            if previous is None:
                return client
            client = previous
            if not is_trusted:
                return client
        return client

    def _read_hop(self, hop: str) -> _Hop:
        """The client that `hop` names, if it does, and whether a trusted proxy has that address."""
        address = normal_address(hop)
        if address is None:
            return _NO_ADDRESS
        parsed = ip_address(address)
        return _Hop(Client(address, client_key(address)), any(parsed in network for network in self._networks))


def normal_address(text: str) -> str | None:
    """One spelling for each address, without port, zone and IPv4-in-IPv6; None if `text` is not an address."""
    if len(text) > _MAX_CHARACTERS:
        return None
    with_port = _WITH_PORT.fullmatch(text)
    host = (with_port["v4"] or with_port["v6"]) if with_port else text
    bare, zone, _ = host.partition("%")
    try:
        address: IPv4Address | IPv6Address = ip_address(bare)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return None if zone else str(address)
    return str(address.ipv4_mapped or address)


def client_key(address: str) -> str:
    """What counts as one client: an IPv4 address by itself, an IPv6 address with all others of its /64.

    `address` is spelled as `normal_address` does. For example `203.0.113.7` and `2001:db8:0:7::/64`.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return address
    return str(ip_network((parsed, _CLIENT_PREFIX), strict=False))


def key_of(text: str) -> str | None:
    """The client that an address in any spelling, or a key, names; None if it names none."""
    bare = text.removesuffix(f"/{_CLIENT_PREFIX}")
    address = normal_address(bare)
    if address is None or (bare != text and ":" not in address):
        return None
    return client_key(address)


def network_of(key: str) -> Network | None:
    """The addresses that a key stands for; None if it stands for those that are not known."""
    return None if key == UNKNOWN_ADDRESS else ip_network(key)


def share_of_all(networks: Sequence[Network]) -> float:
    """How much of all addresses of either version these networks are together, 0 to 1; of the version where it is more.

    Several small ones can be everything as well: 0.0.0.0/1 and 128.0.0.0/1.
    """
    v4 = collapse_addresses(network for network in networks if isinstance(network, IPv4Network))
    v6 = collapse_addresses(network for network in networks if isinstance(network, IPv6Network))
    return max(sum(each.num_addresses for each in v4) / 2**32, sum(each.num_addresses for each in v6) / 2**128)
