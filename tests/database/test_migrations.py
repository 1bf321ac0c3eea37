"""Migrations go up, down and up again, agree with the tables in the code, and do not race."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory

from app.database import migrations
from app.database.executor import Database
from app.settings import load_settings
from tests.conftest import TEMPLATE, WORKER, Stack, recreate


@pytest.fixture
async def empty(stack: Stack) -> str:
    """The address of a database without any table."""
    return await recreate(stack.admin_url, f"todo_{WORKER}_migrations_test")


async def tables(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        return {row["relname"] for row in rows}
    finally:
        await connection.close()


@pytest.fixture
async def migrated(stack: Stack) -> AsyncIterator[Database]:
    url = await recreate(stack.admin_url, f"todo_{WORKER}_migrated_test", template=TEMPLATE)
    database = Database(load_settings(DATABASE_URL=url).database)
    yield database
    await database.close()


class TestRevisions:
    def test_they_are_those_that_alembic_finds(self) -> None:
        script = ScriptDirectory(str(migrations.MIGRATIONS))
        assert migrations.head() == script.get_current_head()
        assert migrations.outdated() == {each.revision for each in script.walk_revisions()} - {migrations.head()}

    def test_a_process_that_serves_does_without_alembic(self) -> None:
        program = "import sys, app.cli; sys.exit('alembic' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


class TestUpgrade:
    async def test_up_down_up_leaves_nothing_behind(self, empty: str) -> None:
        await asyncio.to_thread(migrations.upgrade, empty)
        first = await tables(empty)
        await asyncio.to_thread(migrations.downgrade, empty, "base")
        assert await tables(empty) == {"alembic_version", "alembic_version_pkc"}
        await asyncio.to_thread(migrations.upgrade, empty)
        assert await tables(empty) == first
        assert "todos" in first

    async def test_each_step_can_be_taken_back_alone(self, empty: str) -> None:
        for revision in reversed(list(ScriptDirectory(str(migrations.MIGRATIONS)).walk_revisions())):
            await asyncio.to_thread(migrations.upgrade, empty, revision.revision)
            await asyncio.to_thread(migrations.downgrade, empty, "-1")
            await asyncio.to_thread(migrations.upgrade, empty, revision.revision)

    async def test_the_schema_and_the_tables_in_the_code_agree(self, empty: str) -> None:
        await asyncio.to_thread(migrations.upgrade, empty)
        await asyncio.to_thread(command.check, migrations.configuration(empty))

    async def test_two_at_once_are_safe(self, empty: str) -> None:
        await asyncio.gather(*(asyncio.to_thread(migrations.upgrade, empty) for _ in range(2)))
        assert "todos" in await tables(empty)

    async def test_a_lock_held_too_long_is_a_clear_error(self, empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(migrations, "LOCK_WAIT_SECONDS", 0.3)
        holder = await asyncpg.connect(empty)
        try:
            await holder.execute("SELECT pg_advisory_lock($1)", migrations.ADVISORY_LOCK)
            with pytest.raises(migrations.MigrationLocked):
                await asyncio.to_thread(migrations.upgrade, empty)
        finally:
            await holder.close()


class TestCurrent:
    async def test_a_migrated_database_is_at_head(self, migrated: Database) -> None:
        assert await migrations.current(migrated.reader) == migrations.head()

    async def test_an_empty_database_is_at_nothing(self, empty: str) -> None:
        database = Database(load_settings(DATABASE_URL=empty).database)
        assert await migrations.current(database.reader) is None
        await database.close()
