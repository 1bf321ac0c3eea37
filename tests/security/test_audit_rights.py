"""The service's own role adds to the audit log and can do nothing else to it, whichever way it tries."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest

from tests.conftest import Stack, for_the_service
from tests.domain.audit.log_of_ones_own import Log, log_on

NOW = f"{datetime.now(UTC):%Y_%m}"
LAST_PARTITION = (
    "SELECT max(inhrelid::regclass::text) FROM pg_inherits"
    " WHERE inhparent = 'public.audit_log'::regclass AND inhrelid <> 'public.audit_log_default'::regclass"
)
# With a hash of one's own.
FORGED = (
    "(at, id, actor_kind, action, outcome, chain, number, seal, hash)"
    " VALUES (now(), gen_random_uuid(), 'user', 'x', 'done', 0, 11, '\\x00', '\\x00')"
)
ATTEMPTS = [
    *(
        statement.format(table)
        for table in ("audit_log", f"audit_log_{NOW}", "audit_log_default")
        for statement in (
            "UPDATE {} SET action = 'x'",
            "UPDATE {} SET salt = NULL, address = NULL, changed = NULL, forgotten_by = gen_random_uuid()",
            "DELETE FROM {}",
            "TRUNCATE {}",
            "DROP TABLE {}",
            "ALTER TABLE {} DISABLE TRIGGER ALL",
            "ALTER TABLE {} DISABLE TRIGGER chain",
            "ALTER TABLE {} RENAME TO other",
            "ALTER TABLE {} DROP COLUMN hash",
            "ALTER TABLE {} OWNER TO todo_app",
            "DROP TRIGGER chain ON {}",
            "CREATE TRIGGER mine BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
            "CREATE RULE mine AS ON INSERT TO {} DO INSTEAD NOTHING",
            "INSERT INTO {} " + FORGED,
            "INSERT INTO {} (id, actor_kind, action, outcome) VALUES (gen_random_uuid(), 'user', 'x', 'done')",
            "MERGE INTO {} USING (SELECT 1) AS s ON false WHEN NOT MATCHED THEN INSERT " + FORGED,
            "COPY {} FROM '/dev/null'",
            "DO $$ BEGIN LOCK TABLE {} IN ACCESS EXCLUSIVE MODE; END $$",
            "SELECT * FROM {} FOR UPDATE",
        )
    ),
    *(
        statement.format(table)
        for table in ("audit_chains", "audit_policy", "alembic_version")
        for statement in (
            "DELETE FROM {}",
            "TRUNCATE {}",
            "DROP TABLE {}",
            "DO $$ BEGIN LOCK TABLE {} IN ACCESS EXCLUSIVE MODE; END $$",
        )
    ),
    "UPDATE audit_chains SET hash = '\\x00'",
    "INSERT INTO audit_chains VALUES ('2020-01-01', 0, 0, '\\x', 0, '\\x')",
    "UPDATE audit_policy SET kept_days = 90",
    "UPDATE alembic_version SET version_num = '0001'",
    "ALTER TABLE audit_log DETACH PARTITION audit_log_default",
    "CREATE TABLE audit_log_2020_01 PARTITION OF audit_log FOR VALUES FROM ('2020-01-01') TO ('2020-02-01')",
    "SELECT audit_keep(90)",
    "SELECT audit_make_month('2031-05-01')",
    "SELECT audit_tell(gen_random_uuid(), 'x', NULL, NULL)",
    "SELECT grant_to_application()",
    "CREATE OR REPLACE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "ALTER FUNCTION audit_append(json) SECURITY INVOKER",
    "DROP FUNCTION audit_chain() CASCADE",
    "SET session_replication_role = replica",
    "ALTER SYSTEM SET session_replication_role = replica",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "CREATE ROLE mine SUPERUSER",
    "ALTER ROLE todo_app SUPERUSER",
    "GRANT pg_write_all_data TO todo_app",
    "CREATE SCHEMA mine",
    "CREATE TABLE public.mine (n int)",
    "CREATE FUNCTION public.sha256(text) RETURNS bytea LANGUAGE sql AS 'SELECT ''''::bytea'",
]


@pytest.fixture(scope="module")
async def log(stack: Stack) -> AsyncIterator[Log]:
    """A log of ten entries."""
    async with log_on(stack) as own:
        await own.write(10)
        yield own


@pytest.fixture(scope="module")
async def application(log: Log) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection as the service has it."""
    connection = await asyncpg.connect(await for_the_service(log.url))
    yield connection
    await connection.close()


@pytest.mark.parametrize("attempt", ATTEMPTS)
async def test_it_is_denied(attempt: str, log: Log, application: "asyncpg.Connection[asyncpg.Record]") -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await application.execute(attempt)
    report = await log.report()
    assert (report.breaks, report.rows) == ([], 10)


async def test_it_grants_itself_nothing(application: "asyncpg.Connection[asyncpg.Record]") -> None:
    """PostgreSQL says so in a warning only."""
    rights = (
        "SELECT array_agg(privilege_type::text) FROM pg_class, aclexplode(relacl)"
        " WHERE relname = 'audit_log' AND grantee <> relowner"
    )
    await application.execute("GRANT ALL ON audit_log TO PUBLIC")
    assert await application.fetchval(rights) == ["SELECT"]


class TestAllowed:
    async def test_the_role_is_the_real_one(self, application: "asyncpg.Connection[asyncpg.Record]") -> None:
        assert await application.fetchval("SELECT pg_has_role(current_user, 'todo_app', 'MEMBER')")
        assert not await application.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")

    async def test_it_reads(self, application: "asyncpg.Connection[asyncpg.Record]") -> None:
        assert await application.fetchval("SELECT count(*) FROM audit_log") == 10

    async def test_it_cannot_choose_time_place_or_hash_of_what_it_adds(
        self, log: Log, application: "asyncpg.Connection[asyncpg.Record]"
    ) -> None:
        entry = f'[{{"id": "{uuid4()}", "actor_kind": "user", "action": "x", "outcome": "done", "at": "2020-01-01",'
        entry += '"chain": 99, "number": 1, "hash": "\\\\x00", "seal": "\\\\x00", "salt": "\\\\x00"}]'
        transaction = application.transaction()
        await transaction.start()
        await application.execute("SELECT audit_append($1::json)", entry)
        found = await application.fetchrow(
            "SELECT at > now() - interval '1 h', chain < 8, length(hash) FROM audit_log WHERE action = 'x'"
        )
        await transaction.rollback()
        assert tuple(found or ()) == (True, True, 32)

    async def test_it_cannot_make_the_functions_work_on_tables_of_its_own(
        self, log: Log, application: "asyncpg.Connection[asyncpg.Record]"
    ) -> None:
        """What runs with the owner's rights looks for nothing where the caller could have put something."""
        await application.execute("CREATE TEMPORARY TABLE audit_log (LIKE public.audit_log)")
        await application.execute("CREATE TEMPORARY TABLE audit_chains (LIKE public.audit_chains)")
        await application.execute("SET search_path = pg_temp, public")
        transaction = application.transaction()
        await transaction.start()
        try:
            entry = f'[{{"id": "{uuid4()}", "actor_kind": "user", "action": "y", "outcome": "done"}}]'
            await application.execute("SELECT public.audit_append($1::json)", entry)
            assert await application.fetchval("SELECT count(*) FROM public.audit_log WHERE action = 'y'") == 1
            assert await application.fetchval("SELECT count(*) FROM pg_temp.audit_log") == 0
        finally:
            await transaction.rollback()
            await application.execute("RESET search_path; DROP TABLE pg_temp.audit_log, pg_temp.audit_chains")

    async def test_a_month_that_it_has_made_is_no_more_its_own_than_the_others(
        self, log: Log, application: "asyncpg.Connection[asyncpg.Record]"
    ) -> None:
        last = await log.owner.fetchval(LAST_PARTITION)
        await log.tamper(f"DROP TABLE {last}")
        assert await application.fetchval("SELECT audit_make_months()") == 1
        assert await log.owner.fetchval(LAST_PARTITION) == last
        for statement in (
            "DELETE FROM {}",
            "TRUNCATE {}",
            "DROP TABLE {}",
            "SELECT * FROM {}",
            "UPDATE {} SET at = now()",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await application.execute(statement.format(last))

    async def test_tables_of_later_migrations_are_its_to_use(
        self, log: Log, application: "asyncpg.Connection[asyncpg.Record]"
    ) -> None:
        await log.owner.execute("CREATE TABLE later (n int GENERATED ALWAYS AS IDENTITY, t text)")
        await application.execute("INSERT INTO later (t) VALUES ('x')")
        await application.execute("UPDATE later SET t = 'y'")
        await application.execute("DELETE FROM later")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await application.execute("DROP TABLE later")
