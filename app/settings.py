"""Every knob of the service, read once from the environment and validated all at once.

Knows names, defaults and ranges. Refuses to know what a knob is used for.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

from limits import parse
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from app import insecure_settings
from app.setting_examples import EXAMPLES
from app.setting_groups import (
    CacheSettings,
    DatabaseSettings,
    EncryptionSettings,
    Group,
    HttpSettings,
    LoadSettings,
    LogSettings,
    OutboundSettings,
    PrivacySettings,
    RateLimitSettings,
    RedisSettings,
    SecuritySettings,
    ThreatSettings,
)

MINIMUM_SECRET_BYTES = 32
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
    privacy: PrivacySettings
    outbound: OutboundSettings
    log: LogSettings

    @property
    def is_production(self) -> bool:
        """True where insecure values are refused."""
        return self.environment == "production"

    def with_urls(self, *, database_url: str, redis_url: str, migration_url: str = "") -> Self:
        """These settings, pointed at other servers."""
        urls = {"url": SecretStr(database_url), "migration_url": SecretStr(migration_url)}
        return self.model_copy(
            update={
                "database": self.database.model_copy(update=urls),
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
    "privacy": PrivacySettings,
    "outbound": OutboundSettings,
    "log": LogSettings,
}
_FROM_FILE = (
    "DATABASE_URL",
    "MIGRATION_DATABASE_URL",
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
    migration_database_url: str = Field("", alias="MIGRATION_DATABASE_URL_FILE")
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
    example = EXAMPLES.get(variable, default if not isinstance(default, SecretStr) else "")
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
            yield f"{name}: is shorter than {MINIMUM_SECRET_BYTES} bytes. Example: {EXAMPLES['SECRET_KEY']}"
    outbound = settings.outbound
    if outbound.mail_provider == "smtp":
        if not outbound.smtp_url.get_secret_value():
            yield f"SMTP_URL: MAIL_PROVIDER=smtp needs a server. Example: {EXAMPLES['SMTP_URL']}"
        if not outbound.mail_from:
            yield f"MAIL_FROM: MAIL_PROVIDER=smtp needs a sender. Example: {EXAMPLES['MAIL_FROM']}"
    if outbound.sms_provider == "http" and not outbound.sms_url:
        yield f"SMS_URL: SMS_PROVIDER=http needs an address. Example: {EXAMPLES['SMS_URL']}"
    limits = settings.rate_limits
    for name in ("default", "token", "bulk"):
        if parse(getattr(limits, name)).amount * limits.factor * limits.floor < MINIMUM_ITEMS:
            yield (
                f"RATE_LIMIT_{name.upper()}: times RATE_LIMIT_FACTOR and RATE_LIMIT_FLOOR it is less than one bulk "
                f"request of {MINIMUM_ITEMS} items. Example: {variables()[f'RATE_LIMIT_{name.upper()}']}"
            )


def _insecure(settings: Settings) -> Iterator[str]:
    if settings.debug:
        yield "DEBUG: production refuses it. Example: false"
    yield from insecure_settings.keys(settings.security, settings.encryption)
    yield from insecure_settings.doors(settings.http, settings.security, settings.threat)
    yield from insecure_settings.servers(settings.database, settings.redis, settings.security)
    yield from insecure_settings.messages(settings.outbound)
