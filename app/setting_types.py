"""What the values of settings look like: how each kind is read from text, and what is refused.

Knows formats; refuses to know which variable has which.
"""

import ipaddress
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from app.redis_address import servers_at


def comma_separated(value: object) -> object:
    """Text becomes its comma-separated parts."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def lower_case(value: object) -> object:
    """Text in lower case."""
    return value.lower() if isinstance(value, str) else value


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
    if url and not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("must start with postgresql://")
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


def utc(value: datetime) -> datetime:
    """The time in UTC; without a zone it is taken to be UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


CommaSeparated = Annotated[list[str], NoDecode, BeforeValidator(comma_separated)]
Moment = Annotated[datetime, AfterValidator(utc)]
