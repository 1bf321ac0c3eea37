"""The groups of settings: what each knob is called, its default and its range.

Knows no rule that needs two groups at once; those are in `settings`.
"""

import ipaddress
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.setting_types import (
    CommaSeparated,
    Moment,
    NamedKey,
    RateLimit,
    absolute_path,
    base_url,
    comma_separated,
    key_list,
    lower_case,
    named_keys,
    networks,
    origin,
    plain_postgres_url,
    redis_url,
    sender,
    smtp_address,
)
from app.smtp_address import MailServer, mail_server_at

DEVELOPMENT_SECRET = "development-only-secret-key-never-use-it-in-production"  # noqa: S105 - production refuses it
# Of the same kind: base64 of `development-only-encryption-key!` and of `development-only-blind-index-key`.
DEVELOPMENT_ENCRYPTION_KEY = "development:ZGV2ZWxvcG1lbnQtb25seS1lbmNyeXB0aW9uLWtleSE="
DEVELOPMENT_INDEX_KEY = "development:ZGV2ZWxvcG1lbnQtb25seS1ibGluZC1pbmRleC1rZXk="

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Group(BaseSettings):
    """One group of variables. Field aliases are the variable names."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=False)


class DatabaseSettings(Group):
    """Where PostgreSQL is and how it is used."""

    url: Annotated[SecretStr, AfterValidator(plain_postgres_url)] = Field(SecretStr(""), alias="DATABASE_URL")
    migration_url: Annotated[SecretStr, AfterValidator(plain_postgres_url)] = Field(
        SecretStr(""), alias="MIGRATION_DATABASE_URL"
    )
    audit_kept_days: int = Field(365, alias="AUDIT_RETENTION_DAYS", ge=90, le=36_500)
    pool_size: int = Field(10, alias="DB_POOL_SIZE", ge=1, le=500)
    max_overflow: int = Field(5, alias="DB_MAX_OVERFLOW", ge=0, le=500)
    pool_timeout_seconds: float = Field(5.0, alias="DB_POOL_TIMEOUT", gt=0, le=60)
    query_timeout_seconds: float = Field(10.0, alias="DB_QUERY_TIMEOUT", gt=0, le=300)
    slow_query_ms: float = Field(200.0, alias="DB_SLOW_QUERY_MS", gt=0)
    batch_window_ms: float = Field(0.0, alias="BATCH_WINDOW_MS", ge=0, le=100)
    batch_maximum: int = Field(100, alias="MAX_BATCH_SIZE", ge=1, le=1000)

    @property
    def owner_url(self) -> SecretStr:
        """The address for whoever owns the tables: `MIGRATION_DATABASE_URL`, or the one that the service uses."""
        return self.migration_url if self.migration_url.get_secret_value() else self.url


class RedisSettings(Group):
    """Where Redis is. Empty: the service runs without it and says so in health."""

    url: Annotated[SecretStr, AfterValidator(redis_url)] = Field(SecretStr(""), alias="REDIS_URL")


class CacheSettings(Group):
    """How long values are kept and how much of them; without Redis none are."""

    ttl_seconds: int = Field(300, alias="CACHE_TTL", ge=0, le=900)
    process_bytes: int = Field(8_388_608, alias="CACHE_PROCESS_BYTES", ge=0, le=4_294_967_296)
    compress_bytes: int = Field(1024, alias="CACHE_COMPRESS_THRESHOLD", ge=64)


class HttpSettings(Group):
    """The listening address, the public address and the limits of one request."""

    host: str = Field("127.0.0.1", alias="HOST", min_length=1)
    port: int = Field(8000, alias="PORT", ge=1, le=65535)
    public_base_url: Annotated[str, AfterValidator(base_url)] = Field("", alias="PUBLIC_BASE_URL")
    account_pages_url: Annotated[str, AfterValidator(base_url)] = Field("", alias="ACCOUNT_PAGES_URL")
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

    @property
    def account_pages(self) -> str:
        """The address below which mailed links lead, without a trailing slash."""
        return self.account_pages_url.rstrip("/") or f"{self.base_url}/docs/account"


class LoadSettings(Group):
    """What one process takes on at once, and how it sends what it has made."""

    concurrent_maximum: int = Field(100, alias="MAX_CONCURRENT", ge=8, le=10_000)
    queue_maximum: int = Field(1000, alias="MAX_QUEUE_SIZE", ge=0, le=100_000)
    compression_minimum_bytes: int = Field(1024, alias="COMPRESSION_MIN_SIZE", ge=64, le=1_048_576)
    compression_level: int = Field(4, alias="COMPRESSION_LEVEL", ge=1, le=9)
    offers_brotli: bool = Field(True, alias="USE_BROTLI")


class RateLimitSettings(Group):
    """How much a caller may ask for. Each limit lets its whole number through at once, and then at that rate."""

    is_distributed: bool = Field(True, alias="ENABLE_DISTRIBUTED_RATE_LIMIT")
    address: RateLimit = Field("3000/minute", alias="RATE_LIMIT_ADDRESS")
    anonymous: RateLimit = Field("300/minute", alias="RATE_LIMIT_ANONYMOUS")
    default: RateLimit = Field("1200/minute", alias="RATE_LIMIT_DEFAULT")
    token: RateLimit = Field("600/minute", alias="RATE_LIMIT_TOKEN")
    reads: RateLimit = Field("1000/minute", alias="RATE_LIMIT_READS")
    writes: RateLimit = Field("300/minute", alias="RATE_LIMIT_WRITES")
    bulk: RateLimit = Field("1000/minute", alias="RATE_LIMIT_BULK")
    exports: RateLimit = Field("20/hour", alias="RATE_LIMIT_EXPORTS")
    auth: RateLimit = Field("60/minute", alias="RATE_LIMIT_AUTH")
    factor: float = Field(1.0, alias="RATE_LIMIT_FACTOR", ge=0.01, le=1_000_000)
    floor: float = Field(0.25, alias="RATE_LIMIT_FLOOR", ge=0.01, le=1)


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
    step_up_minutes: int = Field(10, alias="STEP_UP_MINUTES", ge=1, le=60)
    sessions_per_user: int = Field(50, alias="SESSIONS_PER_USER", ge=1, le=1000)
    csrf_protection: bool = Field(True, alias="ENABLE_CSRF_PROTECTION")
    cleartext_connections: Annotated[list[Literal["postgres", "redis"]], NoDecode, BeforeValidator(comma_separated)] = (
        Field([], alias="CLEARTEXT_CONNECTIONS")
    )
    password_threads: int = Field(2, alias="PASSWORD_THREADS", ge=1, le=64)


class ThreatSettings(Group):
    """Which clients are taken for attackers, when, and who never is."""

    is_enabled: bool = Field(True, alias="ENABLE_ENHANCED_SECURITY")
    threshold: float = Field(5.0, alias="THREAT_THRESHOLD", ge=1, le=1000)
    window_seconds: int = Field(300, alias="THREAT_WINDOW", ge=10, le=86_400)
    is_shadow: bool = Field(False, alias="THREAT_SHADOW_MODE")
    has_allow_list: bool = Field(False, alias="ENABLE_IP_WHITELIST")
    allow_list: Annotated[CommaSeparated, AfterValidator(networks)] = Field([], alias="IP_WHITELIST")

    @property
    def allowed_networks(self) -> tuple[Network, ...]:
        """`IP_WHITELIST` as networks; none unless ENABLE_IP_WHITELIST says that it counts."""
        return tuple(ipaddress.ip_network(value) for value in self.allow_list) if self.has_allow_list else ()


class EncryptionSettings(Group):
    """The keys of what is stored encrypted, the current one first in each."""

    keys_text: Annotated[SecretStr, AfterValidator(key_list)] = Field(
        SecretStr(DEVELOPMENT_ENCRYPTION_KEY), alias="ENCRYPTION_KEYS"
    )
    index_keys_text: Annotated[SecretStr, AfterValidator(key_list)] = Field(
        SecretStr(DEVELOPMENT_INDEX_KEY), alias="BLIND_INDEX_KEYS"
    )

    @property
    def keys(self) -> tuple[NamedKey, ...]:
        """`ENCRYPTION_KEYS` as keys."""
        return named_keys(self.keys_text.get_secret_value())

    @property
    def index_keys(self) -> tuple[NamedKey, ...]:
        """`BLIND_INDEX_KEYS` as keys."""
        return named_keys(self.index_keys_text.get_secret_value())


class PrivacySettings(Group):
    """For how long archives of people's data are kept, and how and how certainly their accounts are erased."""

    export_retention_hours: int = Field(24, alias="EXPORT_RETENTION_HOURS", ge=1, le=168)
    erasure_delay_days: int = Field(7, alias="ERASURE_DELAY_DAYS", ge=1, le=30)
    erasure_ledger_path: Annotated[str, AfterValidator(absolute_path)] = Field("", alias="ERASURE_LEDGER_PATH")


class OutboundSettings(Group):
    """How mail and text messages leave, and which addresses of a private network may be called for it."""

    mail_provider: Literal["console", "smtp", "off"] = Field("console", alias="MAIL_PROVIDER")
    smtp_url: Annotated[SecretStr, AfterValidator(smtp_address)] = Field(SecretStr(""), alias="SMTP_URL")
    mail_from: Annotated[str, AfterValidator(sender)] = Field("", alias="MAIL_FROM")
    sms_provider: Literal["console", "http", "off"] = Field("console", alias="SMS_PROVIDER")
    sms_url: Annotated[str, AfterValidator(base_url)] = Field("", alias="SMS_URL")
    sms_token: SecretStr = Field(SecretStr(""), alias="SMS_TOKEN")
    private_networks: Annotated[CommaSeparated, AfterValidator(networks)] = Field([], alias="OUTBOUND_PRIVATE_NETWORKS")

    @property
    def mail_server(self) -> MailServer:
        """`SMTP_URL` as what it says."""
        return mail_server_at(self.smtp_url.get_secret_value())

    @property
    def allowed_networks(self) -> tuple[Network, ...]:
        """`OUTBOUND_PRIVATE_NETWORKS` as networks."""
        return tuple(ipaddress.ip_network(value) for value in self.private_networks)


class LogSettings(Group):
    """What is written to standard output."""

    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lower_case)] = Field(
        "info", alias="LOG_LEVEL"
    )
    format: Literal["json", "console"] = Field("json", alias="LOG_FORMAT")
