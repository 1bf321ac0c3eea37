"""Where Redis is: one server, a primary that Sentinels know, or a cluster; read from one address.

    redis://user:password@host:6379/0            rediss:// for TLS; unix:///path?db=0
    redis+sentinel://:password@h1:26379,h2:26379/primary-name/0
    redis+cluster://:password@h1:6379,h2:6379

TLS is rediss:// in all three. The names of query parameters are those of the redis library (ssl_ca_certs, …).
"""

import ssl
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote

DEFAULT_PORT = 6379
SENTINEL_PORT = 26379
HIGHEST_PORT = 65535

Kind = Literal["single", "sentinel", "cluster"]


@dataclass(frozen=True, slots=True)
class Node:
    """One address. A `path` is a Unix socket, and then host and port mean nothing."""

    host: str = "localhost"
    port: int = DEFAULT_PORT
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """What an address says."""

    kind: Kind
    nodes: tuple[Node, ...]
    username: str = ""
    password: str = ""
    number: int = 0
    primary_name: str = ""
    tls: ssl.SSLContext | None = None

    @property
    def may_be_overheard(self) -> bool:
        """True if the way leads over a network without TLS."""
        return self.tls is None and not all(node.path for node in self.nodes)


def servers_at(url: str) -> Servers:
    """What `url` says. Raises ValueError with the reason."""
    # By hand: urlsplit refuses several hosts where one of them has the brackets of IPv6.
    address, _, query = url.partition("?")
    whole_scheme, _, rest = address.partition("://")
    netloc, slash, path = rest.partition("/")
    scheme, _, suffix = whole_scheme.lower().partition("+")
    kinds: dict[str, Kind] = {"": "single", "sentinel": "sentinel", "cluster": "cluster"}
    if scheme not in {"redis", "rediss", "unix"} or suffix not in kinds or (scheme == "unix" and suffix):
        raise ValueError("must start with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://")
    kind = kinds[suffix]
    options = dict(parse_qsl(query))
    credentials, _, hosts = netloc.rpartition("@")
    username, _, password = (unquote(part) for part in credentials.partition(":"))
    common: dict[str, Any] = {
        "kind": kind,
        "username": username,
        "password": password,
        "tls": _tls(options) if scheme == "rediss" else None,
    }
    if scheme == "unix":
        if hosts or not path:
            raise ValueError("must have three slashes before the path of the socket: unix:///path")
        return Servers(**common, nodes=(Node(path=slash + unquote(path)),), number=_number(options.get("db", "0")))
    segments = [segment for segment in path.split("/") if segment]
    port = SENTINEL_PORT if kind == "sentinel" else DEFAULT_PORT
    nodes = tuple(_node(host, port) for host in hosts.split(",")) if hosts else (Node(),)
    if kind == "cluster":
        if segments and segments != ["0"]:
            raise ValueError("a cluster has only database 0")
        return Servers(**common, nodes=nodes)
    if kind == "sentinel":
        if not segments:
            raise ValueError("must name the primary after the Sentinels: redis+sentinel://host:26379/primary-name")
        name, *numbers = segments
        return Servers(**common, nodes=nodes, primary_name=unquote(name), number=_one_number(numbers, options))
    if len(nodes) > 1:
        raise ValueError("names several hosts: say redis+sentinel:// or redis+cluster://")
    return Servers(**common, nodes=nodes, number=_one_number(segments, options))


def _node(text: str, default_port: int) -> Node:
    host, colon, port = text.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = text, str(default_port)
    if not (_is_number(port) and 0 < int(port) <= HIGHEST_PORT):
        raise ValueError("has a port that is not one")
    name = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not name or "[" in name or "]" in name or (":" in name and name == host):
        raise ValueError("has a host that is not one; IPv6 needs brackets: [::1]")
    return Node(name, int(port))


def _one_number(segments: list[str], options: dict[str, str]) -> int:
    """The database, as the last part of the path or as an option."""
    if len(segments) > 1:
        raise ValueError("has more than a database at its end")
    return _number(segments[0] if segments else options.get("db", "0"))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _number(text: str) -> int:
    if not _is_number(text):
        raise ValueError("has a database that is not a number")
    return int(text)


def _tls(options: dict[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
        if certificate := options.get("ssl_certfile"):
            context.load_cert_chain(certificate, options.get("ssl_keyfile"))
    except OSError as error:  # Absent, not to be read by this user, or no certificate.
        raise ValueError(f"names a certificate that cannot be used ({type(error).__name__})") from error
    if options.get("ssl_cert_reqs") == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
