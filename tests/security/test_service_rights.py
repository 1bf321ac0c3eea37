"""What the service's own role may do: what the code asks of each table and function, nothing more, and it is enough."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeAlias

import asyncpg
import httpx
import pytest
from sqlalchemy import Text, cast, func, select

from app import worker
from app.database.executor import Database
from app.database.schema import metadata
from app.database.statements import Query, scalar
from app.domain.audit.verification import verify
from app.worker import JOBS
from tests.conftest import Running
from tests.factories import PASSWORD, make_user

APPLICATION = Path(worker.__file__).parent
ALL = {"SELECT", "INSERT", "UPDATE", "DELETE"}
EVERY_RIGHT = (*sorted(ALL), "TRUNCATE", "REFERENCES", "TRIGGER")
# Written by functions of the database, and by whoever migrates.
READ_ONLY = {"audit_log", "audit_chains", "audit_policy", "alembic_version"}
PARTITION = re.compile(r"audit_log_(\d{4}_\d{2}|default)")

RIGHTS = """
SELECT relname, array(
    SELECT each FROM unnest($1::text[]) AS each WHERE has_table_privilege('todo_app', pg_class.oid, each)
) AS rights
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
"""
COLUMN_RIGHTS = "SELECT attrelid::regclass::text, attname FROM pg_attribute WHERE attacl::text LIKE '%todo_app%'"
FUNCTIONS = """
SELECT proname FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND has_function_privilege('todo_app', oid, 'EXECUTE')
"""
SEQUENCES = """
SELECT relname, has_sequence_privilege('todo_app', oid, 'USAGE') AS may_use,
    has_sequence_privilege('todo_app', oid, 'UPDATE') AS may_set
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'
"""
OWNED = "SELECT classid::regclass::text FROM pg_shdepend WHERE refobjid = 'todo_app'::regrole AND deptype = 'o'"
BEYOND = """
SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolcanlogin OR rolreplication OR rolbypassrls
    OR has_schema_privilege('todo_app', 'public', 'CREATE')
    OR has_database_privilege('todo_app', current_database(), 'CREATE')
    OR EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid)
FROM pg_roles WHERE rolname = 'todo_app'
"""

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[Owner]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


def called_functions() -> set[str]:
    """The functions of the schema that the code names."""
    sources = [path.read_text("utf-8") for path in APPLICATION.rglob("*.py")]
    # What the owner calls after a migration is the owner's.
    sources.remove((APPLICATION / "database" / "rights.py").read_text("utf-8"))
    return {name for source in sources for name in re.findall(r"\bpublic\.(\w+)(?=\(|\")", source)}


class TestRights:
    async def test_each_table_gives_what_the_code_needs_and_no_more(self, owner: Owner) -> None:
        found = {row["relname"]: set(row["rights"]) for row in await owner.fetch(RIGHTS, EVERY_RIGHT)}
        wanted = {name: {"SELECT"} if name in READ_ONLY else ALL for name in {*metadata.tables, *READ_ONLY}}
        partitions = {name for name in found if PARTITION.fullmatch(name)}
        assert len(partitions) > 4
        assert found == {**wanted, **{name: set[str]() for name in partitions}}
        assert await owner.fetch(COLUMN_RIGHTS) == []

    async def test_it_may_call_exactly_the_functions_that_the_code_calls(self, owner: Owner) -> None:
        called = called_functions()
        assert "audit_append" in called
        assert {row["proname"] for row in await owner.fetch(FUNCTIONS)} == called

    async def test_sequences_are_for_the_next_number_only(self, owner: Owner) -> None:
        found = await owner.fetch(SEQUENCES)
        assert {(row["may_use"], row["may_set"]) for row in found} <= {(True, False)}

    async def test_it_owns_nothing_and_is_nothing_else(self, owner: Owner) -> None:
        assert await owner.fetch(OWNED) == []
        assert await owner.fetchval(BEYOND) is False


class TestEnough:
    """The whole suite runs with these rights; this says so where somebody looks for it."""

    async def test_a_person_logs_in_and_works(
        self, client: httpx.AsyncClient, service: Running, database: Database
    ) -> None:
        who = Query("tests.who", select(cast(func.current_user(), Text)), scalar)
        assert await service.services.database.reader.first(who) == "todo_tests"
        account = {"email": (await make_user(database)).email, "password": PASSWORD}
        answer = await client.post("/api/v2/auth/login", json=account)
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        made = await client.post("/api/v2/todos", json={"title": "Buy milk"}, headers=headers)
        place = made.headers["Location"]
        changed = await client.patch(place, json={"title": "Buy oat milk"}, headers=headers)
        removed = await client.delete(place, headers=headers)
        assert [each.status_code for each in (made, changed, removed)] == [201, 200, 204]

    @pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
    async def test_each_job_of_the_worker_runs(self, job: worker.Job, service: Running) -> None:
        assert await job.run(service.services) >= 0

    async def test_it_may_verify_the_log_that_it_writes(self, service: Running) -> None:
        report = await verify(service.services.database.reader)
        assert report.breaks == []
        assert report.rows > 0
