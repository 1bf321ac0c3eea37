"""Every knob of the service, read once from the environment and validated all at once.

Knows names, defaults, ranges and which values production refuses. Refuses to know what a knob is used for.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

from limits import parse
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from app.client_address import share_of_all
from app.setting_groups import (
    DEVELOPMENT_ENCRYPTION_KEY,
    DEVELOPMENT_INDEX_KEY,
    DEVELOPMENT_SECRET,
    CacheSettings,
    DatabaseSettings,
    EncryptionSettings,
    Group,
    HttpSettings,
    LoadSettings,
    LogSettings,
    OutboundSettings,
    RateLimitSettings,
    RedisSettings,
    SecuritySettings,
    ThreatSettings,
)
from app.setting_types import named_keys

MINIMUM_SECRET_BYTES = 32
# Private networks are less than one hundredth, and the largest provider has less than a sixteenth.
MAXIMUM_SHARE = 1 / 16
# The items of one bulk request: less than that would refuse it for ever.
MINIMUM_ITEMS = 100


class SettingsError(Exception):
    """The environment cannot be used; `faults` has one line for each variable, with the reason and an example."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("The settings cannot be used:\n" + "\n".join(f"  - {fault}" for fault in faults))


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
    cache: CacheSettings
    http: HttpSettings
    load: LoadSettings
    rate_limits: RateLimitSettings
    security: SecuritySettings
    threat: ThreatSettings
    encryption: EncryptionSettings
    outbound: OutboundSettings
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
    "cache": CacheSettings,
    "http": HttpSettings,
    "load": LoadSettings,
    "rate_limits": RateLimitSettings,
    "security": SecuritySettings,
    "threat": ThreatSettings,
    "encryption": EncryptionSettings,
    "outbound": OutboundSettings,
    "log": LogSettings,
}
_KEY_EXAMPLE = 'k1: and the output of: python3 -c "import base64, os; print(base64.b64encode(os.urandom(32)).decode())"'
_EXAMPLES = {
    "DATABASE_URL": "postgresql://todo:secret@localhost:5432/todo",
    "REDIS_URL": "redis://localhost:6379/0",
    "CORS_ORIGINS": "https://app.example.com,https://admin.example.com",
    "TRUSTED_PROXIES": "10.0.0.0/8,192.168.1.7/32",
    "IP_WHITELIST": "203.0.113.0/24,2001:db8:7::/48",
    "SECRET_KEY": 'the output of: python3 -c "import secrets; print(secrets.token_urlsafe(48))"',
    "ENCRYPTION_KEYS": _KEY_EXAMPLE,
    "BLIND_INDEX_KEYS": _KEY_EXAMPLE,
    "MAIL_PROVIDER": "smtp, or off to do without mail",
    "SMTP_URL": "smtp://todo:secret@mail.example.com:587",
    "MAIL_FROM": "Todo <no-reply@example.com>",
    "SMS_PROVIDER": "http, or off to do without text messages",
    "SMS_URL": "https://sms.example.com/v1/messages",
    "OUTBOUND_PRIVATE_NETWORKS": "10.1.2.0/24",
    "PUBLIC_BASE_URL": "https://todo.example.com",
    "ACCOUNT_PAGES_URL": "https://app.example.com/account",
    "V1_SUNSET_AT": "2027-11-01T00:00:00Z",
    "V1_DEPRECATED_AT": "2026-11-01T00:00:00Z",
}
_FROM_FILE = (
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "ENCRYPTION_KEYS",
    "BLIND_INDEX_KEYS",
    "SMTP_URL",
    "SMS_TOKEN",
)


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process, from the environment; `overrides` are variables that win over it (for tests).

    `DATABASE_URL_FILE`, `SECRET_KEY_FILE` and others like them name files that hold the value (container secrets).
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


def files() -> set[str]:
    """The environment variables that name a file with the value of another."""
    return {f"{variable}_FILE" for variable in _FROM_FILE}


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
    encryption_keys: str = Field("", alias="ENCRYPTION_KEYS_FILE")
    blind_index_keys: str = Field("", alias="BLIND_INDEX_KEYS_FILE")
    smtp_url: str = Field("", alias="SMTP_URL_FILE")
    sms_token: str = Field("", alias="SMS_TOKEN_FILE")

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
    outbound = settings.outbound
    if outbound.mail_provider == "smtp":
        if not outbound.smtp_url.get_secret_value():
            yield f"SMTP_URL: MAIL_PROVIDER=smtp needs a server. Example: {_EXAMPLES['SMTP_URL']}"
        if not outbound.mail_from:
            yield f"MAIL_FROM: MAIL_PROVIDER=smtp needs a sender. Example: {_EXAMPLES['MAIL_FROM']}"
    if outbound.sms_provider == "http" and not outbound.sms_url:
        yield f"SMS_URL: SMS_PROVIDER=http needs an address. Example: {_EXAMPLES['SMS_URL']}"
    limits = settings.rate_limits
    for name in ("default", "token", "bulk"):
        if parse(getattr(limits, name)).amount * limits.factor * limits.floor < MINIMUM_ITEMS:
            yield (
                f"RATE_LIMIT_{name.upper()}: times RATE_LIMIT_FACTOR and RATE_LIMIT_FLOOR it is less than one bulk "
                f"request of {MINIMUM_ITEMS} items. Example: {variables()[f'RATE_LIMIT_{name.upper()}']}"
            )


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
    if not settings.security.csrf_protection:
        yield "ENABLE_CSRF_PROTECTION: production refuses to do without. Example: true"
    if settings.debug:
        yield "DEBUG: production refuses it. Example: false"
    for name, listed in (
        ("TRUSTED_PROXIES", settings.http.trusted_networks),
        ("IP_WHITELIST", settings.threat.allowed_networks),
        ("OUTBOUND_PRIVATE_NETWORKS", settings.outbound.allowed_networks),
    ):
        if share_of_all(listed) >= MAXIMUM_SHARE:
            yield f"{name}: production refuses a sixteenth of all addresses or more. Example: {_EXAMPLES[name]}"
    if not settings.database.url.get_secret_value():
        yield f"DATABASE_URL: production needs a database. Example: {_EXAMPLES['DATABASE_URL']}"
    yield from _insecurely_encrypted(settings.encryption)
    yield from _insecurely_sent(settings.outbound)


def _insecurely_encrypted(encryption: EncryptionSettings) -> Iterator[str]:
    public = {key.value for text in (DEVELOPMENT_ENCRYPTION_KEY, DEVELOPMENT_INDEX_KEY) for key in named_keys(text)}
    for name, keys in (("ENCRYPTION_KEYS", encryption.keys), ("BLIND_INDEX_KEYS", encryption.index_keys)):
        if any(key.value in public for key in keys):
            yield f"{name}: production refuses the development default. Example: {_EXAMPLES[name]}"
    if {key.value for key in encryption.keys} & {key.value for key in encryption.index_keys} - public:
        yield f"BLIND_INDEX_KEYS: must not be a key of ENCRYPTION_KEYS. Example: {_EXAMPLES['BLIND_INDEX_KEYS']}"


def _insecurely_sent(outbound: OutboundSettings) -> Iterator[str]:
    for name, provider in (("MAIL_PROVIDER", outbound.mail_provider), ("SMS_PROVIDER", outbound.sms_provider)):
        if provider == "console":
            yield f"{name}: production refuses the console, a log with messages in it. Example: {_EXAMPLES[name]}"
    if outbound.smtp_url.get_secret_value():
        server = outbound.mail_server
        if server.protection == "none" and server.username:
            yield f"SMTP_URL: production sends no password without TLS. Example: {_EXAMPLES['SMTP_URL']}"
    if outbound.sms_url.startswith("http:"):
        yield f"SMS_URL: production refuses http. Example: {_EXAMPLES['SMS_URL']}"
