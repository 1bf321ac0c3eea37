"""`todo doctor`: looks at everything that has to fit together, and says of each what is wrong and how to mend it."""

import asyncio
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from importlib import metadata
from pathlib import Path

from app.database import migrations
from app.database.inspection import DatabaseUnreachable, ServerFacts, inspect
from app.development import servers
from app.encryption_keys import lost, use_in
from app.erasure_ledger import ErasureLedger, LedgerUnreadable
from app.field_encryption import field_cipher
from app.local_stack import DEFAULT_DIRECTORY, LocalStackError
from app.redis.connecting import connect
from app.redis.pipeline import RedisUnavailable
from app.redis_address import servers_at
from app.server import ListenError, listen
from app.settings import Settings, SettingsError, load_settings

OLDEST_PYTHON = (3, 11)
OLDEST_POSTGRES = 15
OLDEST_REDIS = (7, 2)
CLOCK_TOLERANCE = timedelta(seconds=5)
# Semi-private parts of these are used, which change without notice.
PINNED = {"fastapi": "0.165.", "slowapi": "0.1.10", "uvicorn": "0.54."}
REDIS_SECONDS = 0.5
SHOWN = ("sqlalchemy", "asyncpg", "redis", "pydantic")


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `fix` is empty where nothing is wrong."""

    subject: str
    detail: str
    fix: str = ""

    def __str__(self) -> str:
        if not self.fix:
            return f"ok    {self.subject}: {self.detail}"
        return f"FAIL  {self.subject}: {self.detail}\n      {self.fix}"


def examine() -> int:
    """Prints the findings as they come; returns the exit status, 1 if one of them needs mending."""
    has_failed = False
    for finding in _everything():
        print(finding, flush=True)
        has_failed = has_failed or bool(finding.fix)
    return int(has_failed)


def _everything() -> Iterator[Finding]:
    yield from installation()
    try:
        settings = load_settings()
    except SettingsError as error:
        for fault in error.faults:
            yield Finding("settings", fault, "Correct the variable in the environment; .env.example explains each.")
        return
    yield Finding("settings", f"valid for {settings.environment}")
    yield from address(settings)
    yield erasure_ledger(settings)
    if not settings.database.url.get_secret_value() and not (DEFAULT_DIRECTORY / "postgres").exists():
        yield Finding("database", "none yet; `todo dev` makes an embedded one")
        return
    try:
        with servers(settings) as ready:
            yield from database(ready)
            yield from redis(ready)
    except LocalStackError as error:
        yield Finding("database", str(error), "Mend that, or set DATABASE_URL to a server of yours.")


def installation() -> Iterator[Finding]:
    """Python and the libraries."""
    here = ".".join(map(str, sys.version_info[:3]))
    oldest = ".".join(map(str, OLDEST_PYTHON))
    fix = "" if sys.version_info[:2] >= OLDEST_PYTHON else f"Install Python {oldest} or later."
    yield Finding("Python", here, fix)
    for name, prefix in PINNED.items():
        version = metadata.version(name)
        fix = "" if version.startswith(prefix) else f"Install {prefix}x, as locked in requirements/runtime.lock."
        yield Finding(name, version, fix)
    yield Finding("libraries", ", ".join(f"{name} {metadata.version(name)}" for name in SHOWN))


def address(settings: Settings) -> Iterator[Finding]:
    """Whether the API can listen, or does already."""
    http = settings.http
    subject = f"port {http.port} on {http.host}"
    try:
        listen(http.host, http.port).close()
    except ListenError as error:
        if _is_served(http.host, http.port):
            yield Finding(subject, "this service is answering there")
        else:
            yield Finding(subject, str(error), f"Stop what uses it, or choose another: PORT={http.port + 1}")
        return
    yield Finding(subject, "free")


def database(settings: Settings) -> Iterator[Finding]:
    """PostgreSQL: reachable, new enough, migrated, large enough, and of the same time."""
    url = settings.database.url.get_secret_value()
    try:
        facts = asyncio.run(inspect(url))
    except DatabaseUnreachable as error:
        yield Finding("database", str(error), "Start it, or correct DATABASE_URL.")
        return
    is_new = facts.version >= OLDEST_POSTGRES * 10_000
    fix = "" if is_new else f"Upgrade the server to PostgreSQL {OLDEST_POSTGRES} or later."
    yield Finding("database", f"PostgreSQL {facts.version_name}", fix)
    is_unicode = facts.encoding == "UTF8"
    yield Finding("encoding", facts.encoding, "" if is_unicode else "Make the database anew with ENCODING UTF8.")
    head = migrations.head()
    fix = "" if facts.revision == head else "Run `todo migrate`."
    yield Finding("migrations", f"the database is at {facts.revision or 'nothing'}, this release needs {head}", fix)
    if facts.revision == head:
        yield _encryption(settings)
        yield _rights(settings, facts)
    yield _connections(settings, facts)
    skew = abs(datetime.now(UTC) - facts.clock)
    fix = "" if skew <= CLOCK_TOLERANCE else "Synchronise both machines with NTP: tokens and due dates compare clocks."
    yield Finding("clock", f"{skew.total_seconds():.1f} s apart from the database's", fix)


def erasure_ledger(settings: Settings) -> Finding:
    """Whether it is written down outside the database who was erased."""
    subject, path = "erasure ledger", settings.privacy.erasure_ledger_path
    if not path:
        detail = "none: a restored backup brings back whoever was erased since"
        fix = "Set ERASURE_LEDGER_PATH to a file that no restore of the database takes back."
        return Finding(subject, detail, fix if settings.is_production else "")
    try:
        count = len(ErasureLedger(Path(path)).erasures())
    except (OSError, LedgerUnreadable) as error:
        return Finding(subject, f"{path}: {error}", "Mount its volume or put a copy back; until then, 503.")
    directory = Path(path).parent
    if not os.access(directory, os.W_OK | os.X_OK):
        return Finding(subject, f"{directory} cannot be written to", "Make it, and let the service's user write to it.")
    return Finding(subject, f"{path}, {count} erasures")


def redis(settings: Settings) -> Iterator[Finding]:
    """Redis: reachable and new enough, or left out."""
    if not settings.redis.url.get_secret_value():
        yield Finding("Redis", "not configured; nothing is kept between requests, and each process counts limits alone")
        return
    try:
        version = asyncio.run(_redis_version(settings))
    except RedisUnavailable as error:
        detail = f"does not answer ({error}); until it does, nothing is kept, and each process counts limits alone"
        yield Finding("Redis", detail, "Start it, correct REDIS_URL, or leave REDIS_URL empty.")
        return
    is_new = tuple(int(part) for part in version.split(".")[:2]) >= OLDEST_REDIS
    oldest = ".".join(map(str, OLDEST_REDIS))
    yield Finding("Redis", f"protocol of {version}", "" if is_new else f"Upgrade the server to {oldest} or later.")


def _rights(settings: Settings, facts: ServerFacts) -> Finding:
    if not facts.may_change_audit_log:
        return Finding("audit log", f"the role {facts.role} only adds to it")
    detail = f"the role {facts.role} could change it"
    fix = (
        "Let DATABASE_URL name a member of todo_app, and MIGRATION_DATABASE_URL the owner."
        if settings.is_production
        else ""
    )
    return Finding("audit log", detail if fix else f"{detail}; let production serve as a member of todo_app", fix)


def _connections(settings: Settings, facts: ServerFacts) -> Finding:
    pool = settings.database.pool_size + settings.database.max_overflow
    workers = settings.http.workers
    needed = (workers + 1) * pool
    detail = (
        f"{workers} API process(es) and 1 worker, {pool} connections each (DB_POOL_SIZE + DB_MAX_OVERFLOW), "
        f"need {needed} of {facts.connections}"
    )
    fits = needed <= facts.connections
    return Finding("connections", detail, "" if fits else "Lower WORKERS or DB_POOL_SIZE, or raise max_connections.")


def _encryption(settings: Settings) -> Finding:
    use, cipher = use_in(settings), field_cipher(settings.encryption)
    fix = "Put them back into ENCRYPTION_KEYS, behind the current one." if (absent := lost(use, cipher)) else ""
    detail = f"{use.values.total()} values need {len(use.values)} of them"
    return Finding("encryption keys", f"{detail}; lost: {', '.join(absent)}" if absent else detail, fix)


async def _redis_version(settings: Settings) -> str:
    servers = servers_at(settings.redis.url.get_secret_value())
    connected = await connect(servers, seconds=REDIS_SECONDS)
    try:
        return connected.oldest_version
    finally:
        connected.close()


def _is_served(host: str, port: int) -> bool:
    connection = HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
