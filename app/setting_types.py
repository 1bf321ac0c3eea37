"""What the values of settings look like: how each kind is read from text, and what is refused.

Knows formats; refuses to know which variable has which.
"""

import base64
import binascii
import ipaddress
import re
from datetime import UTC, datetime
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from limits import parse
from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from app.postgres_address import check_postgres_url
from app.redis_address import servers_at
from app.smtp_address import mail_server_at

KEY_BYTES = 32

_KEY_ID = re.compile("[a-z0-9][a-z0-9_-]{0,31}")
# A mail address, alone or after a name: ASCII, one line, nothing that a header would read as two.
_SENDER = re.compile(r"(?:[\w .'-]{1,100} <(?P<inner>[^<>]+)>|(?P<bare>[^<>]+))", re.ASCII)
_MAILBOX = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})*", re.ASCII)


class NamedKey(NamedTuple):
    """A key of 32 bytes and the name that it goes by in what it made."""

    id: str
    value: bytes

    def __repr__(self) -> str:
        return f"NamedKey({self.id!r})"


def named_keys(text: str) -> tuple[NamedKey, ...]:
    """The keys in `id:base64-of-32-bytes`, comma separated. Raises ValueError, which never shows a key."""
    keys = tuple(_named_key(part.strip()) for part in text.split(",") if part.strip())
    if not keys:
        raise ValueError("must hold a key")
    if len({key.id for key in keys}) < len(keys):
        raise ValueError("has one id twice")
    return keys


def _named_key(text: str) -> NamedKey:
    key_id, _, encoded = text.partition(":")
    if not _KEY_ID.fullmatch(key_id):
        raise ValueError("must be id:key, where an id has 1-32 of a-z, 0-9, - and _")
    try:
        value = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError(f"has a key {key_id!r} that is not base64") from error
    if len(value) != KEY_BYTES:
        raise ValueError(f"has a key {key_id!r} of {len(value)} bytes instead of {KEY_BYTES}")
    return NamedKey(key_id, value)


def key_list(value: SecretStr) -> SecretStr:
    """Text that `named_keys` reads. Raises ValueError."""
    named_keys(value.get_secret_value())
    return value


def smtp_address(value: SecretStr) -> SecretStr:
    """The address of a mail server. Raises ValueError."""
    if value.get_secret_value():
        mail_server_at(value.get_secret_value())
    return value


def sender(value: str) -> str:
    """`address` or `Name <address>`. Raises ValueError."""
    found = _SENDER.fullmatch(value)
    if value and not (found and _MAILBOX.fullmatch(found["inner"] or found["bare"])):
        raise ValueError("must be an address, or a name and an address in <>, in ASCII")
    return value


def comma_separated(value: object) -> object:
    """Text becomes its comma-separated parts."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def lower_case(value: object) -> object:
    """Text in lower case."""
    return value.lower() if isinstance(value, str) else value


def absolute_path(value: str) -> str:
    """The absolute path of a file. Raises ValueError."""
    if value and not value.startswith("/"):
        raise ValueError("must be an absolute path, because processes start in different directories")
    return value


def base_url(value: str) -> str:
    """An http(s) address that paths can be appended to. Raises ValueError."""
    parts = urlsplit(value)
    if value and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment):
        raise ValueError("must be an http(s) address without query or fragment")
    return value


def networks(values: list[str]) -> list[str]:
    """Networks in CIDR notation. Raises ValueError for one with host bits."""
    for value in values:
        ipaddress.ip_network(value)
    return values


def plain_postgres_url(value: SecretStr) -> SecretStr:
    """A PostgreSQL address without SQLAlchemy's driver suffix. Raises ValueError."""
    url = value.get_secret_value().replace("postgresql+asyncpg://", "postgresql://", 1)
    if url:
        check_postgres_url(url)
    return SecretStr(url)


def redis_url(value: SecretStr) -> SecretStr:
    """The address of a Redis server, of Sentinels or of a cluster. Raises ValueError."""
    if value.get_secret_value():
        servers_at(value.get_secret_value())
    return value


def origin(value: str) -> str:
    """A web origin as browsers send it, or the wildcard. Raises ValueError."""
    parts = urlsplit(value)
    if value != "*" and (parts.scheme not in {"http", "https"} or not parts.netloc or value.rstrip("/") != value):
        raise ValueError("must be an origin without a path")
    return value


def rate_limit(value: str) -> str:
    """One limit as `@limiter.limit` takes it: "100/minute", "10 per 2 hours". Raises ValueError."""
    if parse(value).amount < 1:
        raise ValueError("must let something through")
    return value


def utc(value: datetime) -> datetime:
    """The time in UTC; without a zone it is taken to be UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


CommaSeparated = Annotated[list[str], NoDecode, BeforeValidator(comma_separated)]
RateLimit = Annotated[str, AfterValidator(rate_limit)]
Moment = Annotated[datetime, AfterValidator(utc)]
