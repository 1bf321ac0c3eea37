"""What production refuses: keys that everybody has, ways in for too many, and connections that others could listen to.

Each rule yields `VARIABLE: why. Example: ...` for settings that are sound in themselves.
"""

from collections.abc import Iterator

from app.client_address import share_of_all
from app.postgres_address import may_be_overheard
from app.redis_address import servers_at
from app.setting_examples import EXAMPLES
from app.setting_groups import (
    DEVELOPMENT_ENCRYPTION_KEY,
    DEVELOPMENT_INDEX_KEY,
    DEVELOPMENT_SECRET,
    DatabaseSettings,
    EncryptionSettings,
    HttpSettings,
    OutboundSettings,
    RedisSettings,
    SecuritySettings,
    ThreatSettings,
)
from app.setting_types import named_keys

# Private networks are less than one hundredth, and the largest provider has less than a sixteenth.
MAXIMUM_SHARE = 1 / 16


def keys(security: SecuritySettings, encryption: EncryptionSettings) -> Iterator[str]:
    """Keys that stand in the source code, and one key for two purposes."""
    secrets = {"SECRET_KEY": [security.secret_key], "PREVIOUS_SECRET_KEYS": security.previous_secret_keys}
    for name, values in secrets.items():
        if any(value.get_secret_value() == DEVELOPMENT_SECRET for value in values):
            yield f"{name}: production refuses the development default. Example: {EXAMPLES['SECRET_KEY']}"
    public = {key.value for text in (DEVELOPMENT_ENCRYPTION_KEY, DEVELOPMENT_INDEX_KEY) for key in named_keys(text)}
    for name, named in (("ENCRYPTION_KEYS", encryption.keys), ("BLIND_INDEX_KEYS", encryption.index_keys)):
        if any(key.value in public for key in named):
            yield f"{name}: production refuses the development default. Example: {EXAMPLES[name]}"
    if {key.value for key in encryption.keys} & {key.value for key in encryption.index_keys} - public:
        yield f"BLIND_INDEX_KEYS: must not be a key of ENCRYPTION_KEYS. Example: {EXAMPLES['BLIND_INDEX_KEYS']}"


def doors(http: HttpSettings, security: SecuritySettings, threat: ThreatSettings) -> Iterator[str]:
    """Origins and addresses that are trusted too widely."""
    if "*" in http.cors_origins:
        yield f"CORS_ORIGINS: production refuses the wildcard. Example: {EXAMPLES['CORS_ORIGINS']}"
    if not security.csrf_protection:
        yield "ENABLE_CSRF_PROTECTION: production refuses to do without. Example: true"
    listed = {"TRUSTED_PROXIES": http.trusted_networks, "IP_WHITELIST": threat.allowed_networks}
    for name, networks in listed.items():
        if share_of_all(networks) >= MAXIMUM_SHARE:
            yield _too_wide(name)


def servers(database: DatabaseSettings, redis: RedisSettings, security: SecuritySettings) -> Iterator[str]:
    """No database; and servers that may be reached without TLS although nobody said so."""
    in_the_clear = security.cleartext_connections
    redis_url = redis.url.get_secret_value()
    if not database.url.get_secret_value():
        yield f"DATABASE_URL: production needs a database. Example: {EXAMPLES['DATABASE_URL']}"
    for name, secret in (("DATABASE_URL", database.url), ("MIGRATION_DATABASE_URL", database.migration_url)):
        url = secret.get_secret_value()
        if url and may_be_overheard(url) and "postgres" not in in_the_clear:
            example = f"{EXAMPLES[name]}, or CLEARTEXT_CONNECTIONS=postgres where nobody can listen"
            yield f"{name}: production wants an sslmode that insists on TLS. Example: {example}"
    if redis_url and servers_at(redis_url).may_be_overheard and "redis" not in in_the_clear:
        example = f"{EXAMPLES['REDIS_URL']}, or CLEARTEXT_CONNECTIONS=redis where nobody can listen"
        yield f"REDIS_URL: production wants TLS. Example: {example}"


def messages(outbound: OutboundSettings) -> Iterator[str]:
    """Messages that others could read on their way."""
    for name, provider in (("MAIL_PROVIDER", outbound.mail_provider), ("SMS_PROVIDER", outbound.sms_provider)):
        if provider == "console":
            yield f"{name}: production refuses the console, a log with messages in it. Example: {EXAMPLES[name]}"
    if outbound.smtp_url.get_secret_value():
        server = outbound.mail_server
        if server.protection == "none" and server.username:
            yield f"SMTP_URL: production sends no password without TLS. Example: {EXAMPLES['SMTP_URL']}"
    if outbound.sms_url.startswith("http:"):
        yield f"SMS_URL: production refuses http. Example: {EXAMPLES['SMS_URL']}"
    if share_of_all(outbound.allowed_networks) >= MAXIMUM_SHARE:
        yield _too_wide("OUTBOUND_PRIVATE_NETWORKS")


def _too_wide(name: str) -> str:
    return f"{name}: production refuses a sixteenth of all addresses or more. Example: {EXAMPLES[name]}"
