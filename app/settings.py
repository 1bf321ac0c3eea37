"""Every knob of the service, read once from the environment and validated all at once.

Knows names, defaults, ranges and which values production refuses. Refuses to know what a knob is used for.
"""

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.setting_types import (
    CommaSeparated,
    Moment,
    base_url,
    comma_separated,
    lower_case,
    networks,
    origin,
    plain_postgres_url,
    redis_url,
)

DEVELOPMENT_SECRET = "development-only-secret-key-never-use-it-in-production"  # noqa: S105 - production refuses it
MINIMUM_SECRET_BYTES = 32
MINIMUM_PROXY_PREFIX = 2

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingsError(Exception):
    """The environment cannot be used; `faults` has one line for each variable, with the reason and an example."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("The settings cannot be used:\n" + "\n".join(f"  - {fault}" for fault in faults))


class Group(BaseSettings):
    """One group of variables. Field aliases are the variable names."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=False)


class DatabaseSettings(Group):
    """Where PostgreSQL is and how it is used."""

    url: Annotated[SecretStr, AfterValidator(plain_postgres_url)] = Field(SecretStr(""), alias="DATABASE_URL")
    pool_size: int = Field(10, alias="DB_POOL_SIZE", ge=1, le=500)
    max_overflow: int = Field(5, alias="DB_MAX_OVERFLOW", ge=0, le=500)
    pool_timeout_seconds: float = Field(5.0, alias="DB_POOL_TIMEOUT", gt=0, le=60)
    query_timeout_seconds: float = Field(10.0, alias="DB_QUERY_TIMEOUT", gt=0, le=300)
    slow_query_ms: float = Field(200.0, alias="DB_SLOW_QUERY_MS", gt=0)


class RedisSettings(Group):
    """Where Redis is. Empty: the service runs without it and says so in health."""

    url: Annotated[SecretStr, AfterValidator(redis_url)] = Field(SecretStr(""), alias="REDIS_URL")


class HttpSettings(Group):
    """The listening address, the public address and the limits of one request."""

    host: str = Field("127.0.0.1", alias="HOST", min_length=1)
    port: int = Field(8000, alias="PORT", ge=1, le=65535)
    public_base_url: Annotated[str, AfterValidator(base_url)] = Field("", alias="PUBLIC_BASE_URL")
    workers: int = Field(1, alias="WORKERS", ge=1, le=64)
    body_limit_bytes: int = Field(1_048_576, alias="BODY_LIMIT_BYTES", ge=1024, le=104_857_600)
    request_timeout_seconds: float = Field(30.0, alias="REQUEST_TIMEOUT", gt=0, le=600)
    cors_origins: Annotated[
        list[Annotated[str, AfterValidator(origin)]], NoDecode, BeforeValidator(comma_separated)
    ] = Field([], alias="CORS_ORIGINS")
    trusted_proxies: Annotated[CommaSeparated, AfterValidator(networks)] = Field([], alias="TRUSTED_PROXIES")
    drain_seconds: float = Field(5.0, alias="DRAIN_SECONDS", ge=0, le=300)
    shutdown_grace_seconds: int = Field(20, alias="SHUTDOWN_GRACE_SECONDS", ge=0, le=300)
    v1_deprecated_at: Moment = Field(datetime(2026, 11, 1, tzinfo=UTC), alias="V1_DEPRECATED_AT")
    v1_sunset_at: Moment = Field(datetime(2027, 11, 1, tzinfo=UTC), alias="V1_SUNSET_AT")

    @property
    def trusted_networks(self) -> tuple[Network, ...]:
        """`TRUSTED_PROXIES` as networks."""
        return tuple(ipaddress.ip_network(value) for value in self.trusted_proxies)

    @property
    def base_url(self) -> str:
        """The address that clients see, without a trailing slash: links and problem types begin with it."""
        if self.public_base_url:
            return self.public_base_url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


class SecuritySettings(Group):
    """Secrets, token lifetimes and what passwords cost."""

    secret_key: SecretStr = Field(SecretStr(DEVELOPMENT_SECRET), alias="SECRET_KEY")
    previous_secret_keys: Annotated[list[SecretStr], NoDecode, BeforeValidator(comma_separated)] = Field(
        [], alias="PREVIOUS_SECRET_KEYS"
    )
    access_token_minutes: int = Field(15, alias="ACCESS_TOKEN_MINUTES", ge=1, le=60)
    refresh_grace_seconds: int = Field(10, alias="REFRESH_GRACE_SECONDS", ge=0, le=60)
    session_idle_days: int = Field(14, alias="SESSION_IDLE_DAYS", ge=1, le=90)
    session_absolute_days: int = Field(90, alias="SESSION_ABSOLUTE_DAYS", ge=1, le=365)
    password_threads: int = Field(2, alias="PASSWORD_THREADS", ge=1, le=64)


class LogSettings(Group):
    """What is written to standard output."""

    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lower_case)] = Field(
        "info", alias="LOG_LEVEL"
    )
    format: Literal["json", "console"] = Field("json", alias="LOG_FORMAT")


class _Environment(Group):
    environment: Literal["development", "test", "production"] = Field("development", alias="ENVIRONMENT")
    debug: bool = Field(False, alias="DEBUG")


class Settings(BaseModel):
    """All settings of one process; frozen, built by `load_settings`."""

    model_config = ConfigDict(frozen=True)

    environment: Literal["development", "test", "production"]
    debug: bool
    database: DatabaseSettings
    redis: RedisSettings
    http: HttpSettings
    security: SecuritySettings
    log: LogSettings

    @property
    def is_production(self) -> bool:
        """True where insecure values are refused."""
        return self.environment == "production"

    def with_urls(self, *, database_url: str, redis_url: str) -> Self:
        """These settings, pointed at other servers."""
        return self.model_copy(
            update={
                "database": self.database.model_copy(update={"url": SecretStr(database_url)}),
                "redis": self.redis.model_copy(update={"url": SecretStr(redis_url)}),
            }
        )


_GROUPS: dict[str, type[Group]] = {
    "database": DatabaseSettings,
    "redis": RedisSettings,
    "http": HttpSettings,
    "security": SecuritySettings,
    "log": LogSettings,
}
_EXAMPLES = {
    "DATABASE_URL": "postgresql://todo:secret@localhost:5432/todo",
    "REDIS_URL": "redis://localhost:6379/0",
    "CORS_ORIGINS": "https://app.example.com,https://admin.example.com",
    "TRUSTED_PROXIES": "10.0.0.0/8,192.168.1.7/32",
    "SECRET_KEY": 'the output of: python3 -c "import secrets; print(secrets.token_urlsafe(48))"',
    "PUBLIC_BASE_URL": "https://todo.example.com",
    "V1_SUNSET_AT": "2027-11-01T00:00:00Z",
    "V1_DEPRECATED_AT": "2026-11-01T00:00:00Z",
}
_FROM_FILE = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY")


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process, from the environment; `overrides` are variables that win over it (for tests).

    `DATABASE_URL_FILE`, `REDIS_URL_FILE` and `SECRET_KEY_FILE` name files that hold the value (container secrets).
    Raises SettingsError with every fault at once.
    """
    faults: list[str] = []
    values = {**dict(_values_from_files(faults, overrides)), **overrides}
    defaults = variables()
    groups: dict[str, Any] = {}
    sources: dict[str, type[Group]] = {"_": _Environment, **_GROUPS}
    for name, group in sources.items():
        try:
            groups[name] = group(**values)
        except ValidationError as error:
            details = error.errors(include_input=False, include_url=False)
            faults.extend(_fault(group, detail) for detail in details)
            # With defaults in the place of what is wrong, so that the other variables' faults come in the same answer.
            wrong = {str(detail["loc"][0]) for detail in details}
            groups[name] = group(**{**values, **{variable: defaults[variable] for variable in wrong}})
    process = groups.pop("_")
    settings = Settings.model_construct(environment=process.environment, debug=process.debug, **groups)
    named = {fault.partition(":")[0] for fault in faults}
    doubts = [*_inconsistent(settings), *(_insecure(settings) if settings.is_production else ())]
    faults.extend(doubt for doubt in doubts if doubt.partition(":")[0] not in named)
    if faults:
        raise SettingsError(faults)
    return settings


def variables() -> dict[str, object]:
    """Every environment variable that the service reads, with its default."""
    groups: tuple[type[Group], ...] = (_Environment, *_GROUPS.values())
    return {str(field.alias): field.get_default() for group in groups for field in group.model_fields.values()}


def _values_from_files(faults: list[str], overrides: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for variable in _FROM_FILE:
        path = _FilePaths(**overrides).path_of(variable)
        if not path:
            continue
        try:
            yield variable, Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            faults.append(
                f"{variable}_FILE: cannot be read ({type(error).__name__}). Example: /run/secrets/{variable.lower()}"
            )


class _FilePaths(Group):
    database_url: str = Field("", alias="DATABASE_URL_FILE")
    redis_url: str = Field("", alias="REDIS_URL_FILE")
    secret_key: str = Field("", alias="SECRET_KEY_FILE")

    def path_of(self, variable: str) -> str:
        return str(getattr(self, variable.lower()))


def _fault(group: type[Group], detail: Any) -> str:
    variable = str(detail["loc"][0]) if detail["loc"] else group.__name__
    default = variables().get(variable)
    example = _EXAMPLES.get(variable, default if not isinstance(default, SecretStr) else "")
    return f"{variable}: {detail['msg']}. Example: {example}"


def _inconsistent(settings: Settings) -> Iterator[str]:
    security = settings.security
    if security.session_absolute_days < security.session_idle_days:
        yield "SESSION_ABSOLUTE_DAYS: is shorter than SESSION_IDLE_DAYS. Example: 90"
    for name, key in (
        ("SECRET_KEY", security.secret_key),
        *(("PREVIOUS_SECRET_KEYS", k) for k in security.previous_secret_keys),
    ):
        if len(key.get_secret_value().encode()) < MINIMUM_SECRET_BYTES:
            yield f"{name}: is shorter than {MINIMUM_SECRET_BYTES} bytes. Example: {_EXAMPLES['SECRET_KEY']}"


def _insecure(settings: Settings) -> Iterator[str]:
    keys = {
        "SECRET_KEY": [settings.security.secret_key],
        "PREVIOUS_SECRET_KEYS": settings.security.previous_secret_keys,
    }
    for name, secrets in keys.items():
        if any(secret.get_secret_value() == DEVELOPMENT_SECRET for secret in secrets):
            yield f"{name}: production refuses the development default. Example: {_EXAMPLES['SECRET_KEY']}"
    if "*" in settings.http.cors_origins:
        yield f"CORS_ORIGINS: production refuses the wildcard. Example: {_EXAMPLES['CORS_ORIGINS']}"
    if settings.debug:
        yield "DEBUG: production refuses it. Example: false"
    if any(network.prefixlen < MINIMUM_PROXY_PREFIX for network in settings.http.trusted_networks):
        yield f"TRUSTED_PROXIES: production refuses half of all addresses. Example: {_EXAMPLES['TRUSTED_PROXIES']}"
    if not settings.database.url.get_secret_value():
        yield f"DATABASE_URL: production needs a database. Example: {_EXAMPLES['DATABASE_URL']}"
