"""Brings a database to a schema revision; knows which revision this release needs.

Alembic is imported where a database is changed and nowhere else: 7 MB and 0.3 s that a serving process has no use for
(Python 3.11, November 2026).
"""

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy import Text, column, select, table

from app.database.executor import Reader
from app.database.statements import Query, scalar

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
ADVISORY_LOCK = 0x746F646F  # "todo"
LOCK_WAIT_SECONDS = 120.0
LOCK_POLL_SECONDS = 0.2

# As in every file of migrations/versions; alembic itself would have to run them.
_REVISION = re.compile(r'^revision = "(\w+)"$', re.MULTILINE)
_PREVIOUS = re.compile(r'^down_revision = "(\w+)"$', re.MULTILINE)

_CURRENT = Query(
    "migrations.current",
    select(column("version_num", Text)).select_from(table("alembic_version")),
    scalar,
)


class MigrationLocked(Exception):
    """Another process has been migrating for longer than this one is willing to wait."""


def upgrade(database_url: str, revision: str = "head") -> None:
    """Migrates up to `revision`. Safe to run twice at once: the second waits, then finds nothing to do.

    Raises MigrationLocked after two minutes. Not to be called from a running event loop.
    """
    from alembic import command  # noqa: PLC0415 - a serving process never migrates

    asyncio.run(_locked(database_url, lambda config: command.upgrade(config, revision)))


def downgrade(database_url: str, revision: str) -> None:
    """Migrates down to `revision` (`base`: to nothing). What the dropped columns and tables held is lost."""
    from alembic import command  # noqa: PLC0415 - a serving process never migrates

    asyncio.run(_locked(database_url, lambda config: command.downgrade(config, revision)))


def head() -> str:
    """The revision that this release's code needs."""
    heads = _named(_REVISION) - _named(_PREVIOUS)
    if len(heads) != 1:
        raise RuntimeError(f"not one newest revision in {MIGRATIONS}: {sorted(heads)}")
    return heads.pop()


def outdated() -> frozenset[str]:
    """The revisions that this release knows and that are not enough for it.

    A revision that it does not know was made by a later release, and every migration works with the release before it.
    """
    return frozenset(_named(_REVISION) - {head()})


async def current(reader: Reader) -> str | None:
    """The revision that the database is at, None if it was never migrated, or never so far that this role may ask.

    Raises DatabaseUnavailable.
    """
    try:
        return await reader.first(_CURRENT)
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        return None


def configuration(database_url: str) -> "Config":
    """Alembic's configuration for one database."""
    from alembic.config import Config  # noqa: PLC0415 - a serving process never migrates

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["database_url"] = database_url
    return config


def _named(pattern: re.Pattern[str]) -> set[str]:
    """What the pattern finds in the migrations."""
    return {
        name for path in (MIGRATIONS / "versions").glob("*.py") for name in pattern.findall(path.read_text("utf-8"))
    }


async def _locked(database_url: str, migrate: Callable[["Config"], None]) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        deadline = time.monotonic() + LOCK_WAIT_SECONDS
        # Polled, not waited for: a waiting session holds a snapshot, and CREATE INDEX CONCURRENTLY waits for snapshots.
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", ADVISORY_LOCK):
            if time.monotonic() > deadline:
                raise MigrationLocked(f"another process has held the migration lock for {LOCK_WAIT_SECONDS:.0f} s")
            await asyncio.sleep(LOCK_POLL_SECONDS)
        await asyncio.to_thread(migrate, configuration(database_url))
    finally:
        await connection.close()
