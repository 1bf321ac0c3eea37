"""How safe the way to PostgreSQL is, read from its address.

    postgresql://user:password@host:5432/name?sslmode=verify-full&sslrootcert=/ca.pem
    postgresql:///name?host=/run/postgresql                                   a Unix socket

The names of query parameters are those of libpq, and asyncpg follows them.
"""

from urllib.parse import parse_qs, unquote, urlsplit

# Those that never go on without TLS; `require` takes any certificate unless sslrootcert names whom to believe.
WITH_TLS = {"require", "verify-ca", "verify-full"}
MODES = {"disable", "allow", "prefer"} | WITH_TLS


def check_postgres_url(url: str) -> None:
    """Raises ValueError with the reason if this is no address of PostgreSQL."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("must start with postgresql://")
    unknown = set(_options(url).get("sslmode", ())) - MODES
    if unknown:
        raise ValueError(f"has an sslmode that is none of {', '.join(sorted(MODES))}")


def may_be_overheard(url: str) -> bool:
    """True if the address leads over a network and does not insist on TLS."""
    options = _options(url)
    lists = [unquote(urlsplit(url).netloc.rpartition("@")[2]), *options.get("host", ())]
    hosts = [host for listed in lists for host in listed.split(",") if host]
    is_local = bool(hosts) and all(host.startswith("/") for host in hosts)
    return not is_local and options.get("sslmode", ["prefer"])[-1] not in WITH_TLS


def _options(url: str) -> dict[str, list[str]]:
    return parse_qs(url.partition("?")[2])
