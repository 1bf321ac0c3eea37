"""The `todo` command, run as a program: what it prints, what it leaves, how it ends."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from app.database import migrations
from app.database.executor import Database
from app.domain.blocks.commands import block_offender
from app.domain.identity.authority import authority
from app.domain.identity.gate import SessionGate
from app.domain.messages import commands as messages
from app.domain.messages.message import Message
from app.domain.unit_of_work import unit_of_work
from app.domain.users import repository
from app.field_encryption import field_cipher
from app.local_stack import LocalStack
from app.settings import Settings, load_settings
from tests.authenticators import Clock, set_up_totp
from tests.conftest import TEMPLATE, WORKER, Stack, recreate
from tests.factories import factor_keys_of, make_user, open_session
from tests.server_processes import free_port
from tests.test_settings import PRODUCTION

FIRST_KEY, SECOND_KEY = "k1:" + "A" * 43 + "=", "k2:" + "B" * 42 + "A="

PROGRAM = [sys.executable, "-P", "-m", "app.cli"]


def todo(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs one command to its end."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
async def empty_database(stack: Stack) -> str:
    """A database in which nothing has ever been migrated."""
    return await recreate(stack.admin_url, f"todo_cli_{WORKER}_test")


@pytest.fixture
async def migrated_database(stack: Stack) -> str:
    """A database in which no other test has left anything."""
    return await recreate(stack.admin_url, f"todo_cli_migrated_{WORKER}_test", template=TEMPLATE)


class TestSettings:
    def test_every_fault_is_reported_at_once(self):
        result = todo("migrate", PORT="eighty", LOG_LEVEL="loud")
        assert result.returncode == 2
        assert "PORT" in result.stderr
        assert "LOG_LEVEL" in result.stderr

    @pytest.mark.parametrize("command", ["serve", "worker"])
    def test_without_a_database_there_is_nothing_to_serve(self, command: str):
        result = todo(command)
        assert result.returncode == 2
        assert "DATABASE_URL" in result.stderr
        assert "todo dev" in result.stderr

    @pytest.mark.parametrize("command", ["dev", "seed"])
    def test_production_gets_no_demo_user(self, command: str, database_url: str):
        result = todo(command, cwd=None, **{**PRODUCTION, "DATABASE_URL": database_url})
        assert result.returncode == 2
        assert "demo" in result.stderr


class TestLoading:
    def test_commands_start_without_the_application(self):
        program = "import sys, app.cli; sys.exit('fastapi' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


class TestMigrate:
    def test_two_at_once_are_safe(self, empty_database: str):
        both = [
            subprocess.Popen(
                [*PROGRAM, "migrate"], env={**os.environ, "DATABASE_URL": empty_database}, stderr=subprocess.PIPE
            )
            for _ in range(2)
        ]
        assert [(process.communicate()[1], process.returncode) for process in both] == [(b"", 0), (b"", 0)]

    def test_a_database_that_cannot_be_reached_is_said_in_one_line(self):
        result = todo("migrate", DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/none")
        assert result.returncode == 1
        assert result.stderr.startswith("The database cannot be used: ")
        assert len(result.stderr.splitlines()) == 1


class TestSeed:
    def test_it_happens_once(self, empty_database: str):
        assert todo("migrate", DATABASE_URL=empty_database).returncode == 0
        first, second = (todo("seed", DATABASE_URL=empty_database) for _ in range(2))
        assert (first.returncode, first.stdout) == (0, "The demo data is in the database.\n")
        assert (second.returncode, second.stdout) == (0, "The demo data was there already.\n")


class TestOpenapi:
    @pytest.mark.parametrize("version", ["v1", "v2"])
    def test_it_prints_the_document(self, version: str):
        document = json.loads(todo("openapi", version).stdout)
        assert document["openapi"].startswith("3.1")
        other = "/api/v2/" if version == "v1" else "/api/v1/"
        assert not any(path.startswith(other) for path in document["paths"])


class TestDoctor:
    def test_a_sound_installation_has_no_failure(self, migrated_database: str, redis_url: str):
        result = todo("doctor", DATABASE_URL=migrated_database, REDIS_URL=redis_url, PORT=str(free_port()))
        assert "FAIL" not in result.stdout
        assert result.returncode == 0
        for subject in (
            "Python",
            "settings",
            "port",
            "database",
            "migrations",
            "encryption keys",
            "connections",
            "clock",
            "Redis",
        ):
            assert f"ok    {subject}" in result.stdout

    def test_each_failure_has_its_fix(self, empty_database: str):
        result = todo(
            "doctor",
            DATABASE_URL=empty_database,
            REDIS_URL=f"redis://127.0.0.1:{free_port()}",
            WORKERS="64",
            DB_POOL_SIZE="100",
        )
        assert result.returncode == 1
        for subject, fix in (("migrations", "todo migrate"), ("connections", "WORKERS"), ("Redis", "REDIS_URL")):
            detail = result.stdout.partition(f"FAIL  {subject}")[2].splitlines()
            assert fix in detail[1]

    def test_a_database_that_is_away_is_said(self):
        result = todo("doctor", DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/none")
        assert "FAIL  database" in result.stdout
        assert result.returncode == 1

    def test_faulty_settings_are_a_finding(self):
        result = todo("doctor", PORT="eighty")
        assert "FAIL  settings: PORT" in result.stdout
        assert result.returncode == 1

    def test_a_fresh_checkout_is_no_failure_and_stays_fresh(self, tmp_path: Path):
        result = todo("doctor", cwd=tmp_path, PORT=str(free_port()))
        assert result.returncode == 0
        assert "todo dev" in result.stdout
        assert list(tmp_path.iterdir()) == []


def keys(action: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs `todo keys`."""
    return todo("keys", action, cwd=None, **environment)


async def rotations(database_url: str) -> list[tuple[str, str]]:
    """What the audit log says of new encryption keys: as whom, and for which column."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT actor_kind, subject_id FROM audit_log WHERE action = 'keys.rotated' ORDER BY subject_id"
        )
        return [(row["actor_kind"], row["subject_id"]) for row in rows]
    finally:
        await connection.close()


class TestKeys:
    @pytest.fixture
    async def sealed(self, empty_database: str) -> str:
        """The address of a database in which one message waits, sealed with the key `k1`."""
        await asyncio.to_thread(migrations.upgrade, empty_database)
        settings = load_settings(DATABASE_URL=empty_database, ENCRYPTION_KEYS=FIRST_KEY)
        database = Database(settings.database)
        message = Message(kind="greeting", channel="mail", to="ann@example.com", text="Hello")
        async with unit_of_work(database) as work:
            await messages.send(work, field_cipher(settings.encryption), message)
        await database.close()
        return empty_database

    def test_rotation_from_the_first_key_to_the_second(self, sealed: str):
        both = {"DATABASE_URL": sealed, "ENCRYPTION_KEYS": f"{SECOND_KEY},{FIRST_KEY}"}
        before = keys("check", **both)
        assert "k1 has 3 values; `todo keys rotate`" in before.stdout
        rotated = keys("rotate", **both)
        assert (rotated.returncode, rotated.stderr) == (0, "")
        assert "messages.recipient: 1 encrypted again." in rotated.stdout
        columns = ("messages.content", "messages.recipient", "messages.subject")
        assert asyncio.run(rotations(sealed)) == [("operator", column) for column in columns]
        after = keys("check", **both)
        assert "k2 has 3 values; the current key" in after.stdout
        assert "k1 has 0 values; no longer needed" in after.stdout
        alone = keys("check", DATABASE_URL=sealed, ENCRYPTION_KEYS=SECOND_KEY)
        assert (before.returncode, after.returncode, alone.returncode) == (0, 0, 0)

    def test_a_lost_key_is_said_with_its_name_and_changes_nothing(self, sealed: str):
        without = {"DATABASE_URL": sealed, "ENCRYPTION_KEYS": SECOND_KEY}
        check, rotate = keys("check", **without), keys("rotate", **without)
        doctor = todo("doctor", cwd=None, **without)
        assert (check.returncode, rotate.returncode) == (1, 1)
        assert "k1 has 3 values AND IS NOT THERE" in check.stdout
        assert "messages.recipient: 1 need the key 'k1'" in rotate.stdout
        assert "FAIL  encryption keys" in doctor.stdout
        assert "k1 has 3 values" in keys("check", **{**without, "ENCRYPTION_KEYS": FIRST_KEY}).stdout


class TestServers:
    def test_a_command_works_beside_a_running_stack(self, server_directory: Path):
        with LocalStack(server_directory / ".data", durable=False, is_lasting=True):
            result = todo("migrate", cwd=server_directory)
        assert result.returncode == 0
        assert "The database is at" in result.stdout

    def test_a_command_brings_its_own_servers_and_takes_them_away(self, server_directory: Path):
        result = todo("migrate", cwd=server_directory)
        assert result.returncode == 0
        assert not (server_directory / ".data" / "postgres" / "postmaster.pid").exists()


class TestBlocks:
    """For whoever runs the service and has blocked themselves."""

    ADDRESS = "198.51.100.200"

    async def test_they_are_shown_and_lifted(self, database_url: str, database: Database):
        await block_offender(database, self.ADDRESS, signals=["trap", "failed_login"], score=5.0)
        shown = todo("blocks", DATABASE_URL=database_url)
        [line] = [line for line in shown.stdout.splitlines() if line.startswith(self.ADDRESS)]
        assert line.endswith("UTC  trap, failed_login")
        for answer in (f"{self.ADDRESS} may come in again.\n", f"{self.ADDRESS} was not blocked.\n"):
            lifted = todo("blocks", "--lift", f"::ffff:{self.ADDRESS}", DATABASE_URL=database_url)
            assert (lifted.returncode, lifted.stdout) == (0, answer)
        assert self.ADDRESS not in todo("blocks", DATABASE_URL=database_url).stdout

    def test_what_is_no_address_is_refused(self, database_url: str):
        refused = todo("blocks", "--lift", "example.com", DATABASE_URL=database_url)
        assert (refused.returncode, refused.stderr) == (2, "example.com is no IP address.\n")


class TestAppoint:
    async def test_the_first_administrator_is_made_here(self, database_url: str, database: Database):
        user = await make_user(database)
        for _ in range(2):
            result = todo("appoint", user.email.upper(), DATABASE_URL=database_url)
            assert (result.returncode, result.stdout) == (0, f"{user.email} is an administrator.\n")
        changed = await repository.by_id(database.reader, user.id)
        assert changed is not None
        assert (changed.roles, changed.version) == (["admin"], 2)

    def test_an_unknown_address_is_refused(self, database_url: str):
        result = todo("appoint", "nobody@example.com", DATABASE_URL=database_url)
        assert result.returncode == 2
        assert "nobody@example.com" in result.stderr


class TestMfaReset:
    def test_who_has_none_is_told_so(self, database_url: str):
        result = todo("mfa", "reset", "nobody@example.com", DATABASE_URL=database_url)
        assert result.returncode == 2
        assert "nobody@example.com" in result.stderr

    async def test_the_account_has_none_any_more(
        self, database: Database, settings: Settings, clock: Clock, database_url: str
    ):
        user, proofs = await make_user(database), authority(settings.security)
        gate = SessionGate(database.reader, proofs.access_tokens)
        caller = await gate.caller((await open_session(database, proofs, user)).access_token)
        await set_up_totp(database, proofs, factor_keys_of(settings), caller, clock)
        proofs.close()
        result = await asyncio.to_thread(todo, "mfa", "reset", user.email, DATABASE_URL=database_url)
        assert (result.returncode, user.email in result.stdout) == (0, True)
        holder = await repository.password_by_id(database.reader, user.id)
        assert holder is not None
        assert not holder.has_second_factor
