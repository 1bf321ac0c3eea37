"""The commands where migrating and serving are the business of two roles, and where one does both."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from app.local_stack import LocalStack
from tests.conftest import TEMPLATE, WORKER, Stack, for_the_service, recreate
from tests.server_processes import free_port
from tests.test_cli import todo
from tests.test_settings import PRODUCTION


class TestDoctor:
    async def test_whether_the_service_could_change_the_audit_log_is_said(self, stack: Stack) -> None:
        """It works either way; in production it is something to mend."""
        migrated_database = await recreate(stack.admin_url, f"todo_roles_{WORKER}_test", template=TEMPLATE)
        roles = {"member": await for_the_service(migrated_database), "owner": migrated_database}
        found = {
            (role, place): todo("doctor", cwd=None, **{**environment, "DATABASE_URL": url, "PORT": str(free_port())})
            for role, url in roles.items()
            for place, environment in (("production", PRODUCTION), ("development", {}))
        }
        lines = {key: each.stdout.partition("audit log: ")[0].splitlines()[-1] for key, each in found.items()}
        assert lines.pop(("owner", "production")) == "FAIL  "
        assert set(lines.values()) == {"ok    "}
        advice = found["owner", "production"].stdout.partition("audit log: ")[2].splitlines()[1]
        assert "DATABASE_URL" in advice
        assert "MIGRATION_DATABASE_URL" in advice
        assert "only adds to it" in found["member", "production"].stdout
        assert "could change it" in found["owner", "development"].stdout


class TestServer:
    """A server where the one who migrates may make no roles, and one login does everything at first."""

    @pytest.fixture
    async def server(self, server_directory: Path) -> AsyncIterator[LocalStack]:
        with LocalStack(server_directory / ".data", durable=False, with_valkey=False) as stack:
            await run_as_superuser(stack, "CREATE ROLE plain LOGIN", "ALTER DATABASE todo OWNER TO plain")
            yield stack

    async def test_it_works_with_one_and_can_be_given_another(self, server: LocalStack) -> None:
        alone = {"DATABASE_URL": server.database_url(user="plain")}
        migrated = todo("migrate", cwd=None, **alone)
        assert (migrated.returncode, "CREATE ROLE todo_app" in migrated.stderr) == (0, True)
        assert todo("seed", cwd=None, **alone).returncode == 0
        assert "all hold" in todo("audit", "verify", cwd=None, **alone).stdout
        assert "could change it" in todo("doctor", cwd=None, **alone, PORT=str(free_port())).stdout

        await run_as_superuser(server, "CREATE ROLE todo_app", "CREATE ROLE serving LOGIN IN ROLE todo_app")
        both = {"DATABASE_URL": server.database_url(user="serving"), "MIGRATION_DATABASE_URL": alone["DATABASE_URL"]}
        migrated = todo("migrate", cwd=None, **both)
        assert (migrated.returncode, migrated.stderr) == (0, "")
        assert todo("seed", cwd=None, **both).stdout == "The demo data was there already.\n"
        assert "only adds to it" in todo("doctor", cwd=None, **both, PORT=str(free_port())).stdout
        appointed = todo("appoint", "demo@example.com", cwd=None, **both)
        assert (appointed.returncode, appointed.stderr) == (0, "")
        assert todo("keys", "rotate", cwd=None, **both).returncode == 0
        assert "all hold" in todo("audit", "verify", cwd=None, **both).stdout


async def run_as_superuser(stack: LocalStack, *statements: str) -> None:
    """Runs statements as the superuser of a server of the test's own."""
    connection = await asyncpg.connect(stack.database_url())
    for statement in statements:
        await connection.execute(statement)
    await connection.close()
