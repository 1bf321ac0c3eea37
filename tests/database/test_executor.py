"""The door to SQL: reads, transactions, what errors become, and what is watched."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Integer, Text, bindparam, column, func, insert, literal, select, values
from structlog.testing import capture_logs

from app.database.errors import ConstraintViolated, DatabaseUnavailable
from app.database.executor import Database
from app.database.statements import Change, Query, Statement, scalar
from app.domain.identity import api_key_uses
from app.domain.ids import ApiKeyId, uuid7
from app.domain.teams.tables import teams
from app.draining import Draining
from app.lifespan import running_services
from app.settings import Settings, load_settings

_ONE = Query("test.one", select(literal(1)), scalar)
_ECHO = Query("test.echo", select(bindparam("n", type_=Integer), literal("x")), lambda n, x: (n, x))
_SLEEP = Query("test.sleep", select(func.pg_sleep(bindparam("seconds", type_=Integer))), scalar)
_FEW = Query("test.few", select(values(column("n", Integer), name="v").data([(1,), (2,), (3,)])), scalar)
_TEAM = Change(
    "test.team",
    insert(teams).values(id=bindparam("id"), name=bindparam("name"), slug=bindparam("slug")).returning(teams.c.slug),
    scalar,
)
_SLUGS = Query("test.slugs", select(teams.c.slug).where(teams.c.slug == bindparam("slug", type_=Text)), scalar)


async def write(database: Database, slug: str, then: Callable[[], object] = lambda: None) -> None:
    """One team in one transaction, in which `then` is called afterwards."""
    async with database.transaction() as work:
        await work.run(_TEAM, id=uuid7(), name="t", slug=slug)
        then()


class TestReader:
    async def test_rows_become_values_in_order(self, database: Database) -> None:
        assert await database.reader.all(_FEW) == [1, 2, 3]
        assert await database.reader.first(_ECHO, n=7) == (7, "x")

    async def test_no_row_is_none(self, database: Database) -> None:
        assert await database.reader.first(_SLUGS, slug="absent") is None

    async def test_a_missing_parameter_is_a_bug_and_runs_nothing(self, database: Database) -> None:
        with database.observed() as statements, pytest.raises(KeyError):
            await database.reader.first(_ECHO)
        assert statements == []


class TestTransaction:
    async def test_what_was_written_is_there_afterwards(self, database: Database) -> None:
        slug = str(uuid7())
        async with database.transaction() as work:
            assert await work.first(_TEAM, id=uuid7(), name="t", slug=slug) == slug
            assert await database.reader.first(_SLUGS, slug=slug) is None
            assert await work.first(_SLUGS, slug=slug) == slug
        assert await database.reader.first(_SLUGS, slug=slug) == slug

    async def test_an_error_undoes_everything_and_frees_the_connection(self, database: Database) -> None:
        slug = str(uuid7())
        with pytest.raises(ZeroDivisionError):
            await write(database, slug, then=lambda: 1 / 0)
        assert await database.reader.first(_SLUGS, slug=slug) is None
        assert database.pool.usage["open"] == database.pool.usage["idle"]

    async def test_a_violated_constraint_comes_by_its_name(self, database: Database) -> None:
        slug = str(uuid7())
        await write(database, slug)
        with pytest.raises(ConstraintViolated) as violated:
            await write(database, slug)
        assert violated.value.name == "uq_teams_slug"

    async def test_a_swallowed_failure_is_not_reported_as_committed(self, database: Database) -> None:
        slug = str(uuid7())

        async def swallow() -> None:
            async with database.transaction() as work:
                await work.run(_TEAM, id=uuid7(), name="t", slug=slug)
                with contextlib.suppress(ConstraintViolated):
                    await work.run(_TEAM, id=uuid7(), name="t", slug=slug)

        with pytest.raises(RuntimeError, match="rolled back"):
            await swallow()
        assert await database.reader.first(_SLUGS, slug=slug) is None

    async def test_a_cancelled_task_undoes_and_loses_no_connection(self, database: Database) -> None:
        slug = str(uuid7())
        inside = asyncio.Event()

        async def write_and_wait() -> None:
            async with database.transaction() as work:
                await work.run(_TEAM, id=uuid7(), name="t", slug=slug)
                inside.set()
                await work.first(_SLEEP, seconds=30)

        task = asyncio.create_task(write_and_wait())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await database.reader.first(_SLUGS, slug=slug) is None
        assert database.pool.usage["open"] == database.pool.usage["idle"]


class TestLimits:
    async def test_a_statement_that_runs_too_long_is_unavailable(self, settings: Settings) -> None:
        url = settings.database.url.get_secret_value()
        database = Database(load_settings(DATABASE_URL=url, DB_QUERY_TIMEOUT="0.2").database)
        with pytest.raises(DatabaseUnavailable) as unavailable:
            await database.reader.first(_SLEEP, seconds=20)
        assert unavailable.value.code == "DATABASE_TIMEOUT"
        assert await database.reader.first(_ONE) == 1
        await database.close()

    async def test_no_database_is_unavailable_at_once(self) -> None:
        database = Database(load_settings(DATABASE_URL="postgresql://nobody@127.0.0.1:1/none_test").database)
        with pytest.raises(DatabaseUnavailable) as unavailable:
            await database.reader.first(_ONE)
        assert unavailable.value.code == "DATABASE_UNAVAILABLE"
        assert database.pool.usage["open"] == 0
        await database.close()


class TestWatch:
    async def test_statements_are_seen_by_name(self, database: Database) -> None:
        with database.observed() as statements:
            await database.reader.first(_ONE)
            async with database.transaction() as work:
                await work.all(_FEW)
        assert statements == ["test.one", "test.few"]

    async def test_what_a_process_does_by_itself_is_counted_for_nobody(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(api_key_uses, "GATHERED_SECONDS", 0.01)
        ended = asyncio.Event()

        def end(statement: Statement[Any], _seconds: float) -> None:
            if statement.name == "api_keys.record_uses":
                ended.set()

        async with running_services(settings, Draining()) as services:
            services.database.watch.observers.append(end)
            with services.database.observed() as statements:
                services.api_key_uses.note(ApiKeyId(uuid7()), "203.0.113.7")
                await asyncio.wait_for(ended.wait(), 30)
                await asyncio.create_task(services.database.reader.first(_ONE))
        assert statements == ["test.one"]

    async def test_debug_logs_every_statement(self, settings: Settings) -> None:
        debugging = settings.model_copy(update={"debug": True})
        with capture_logs() as logs:
            async with running_services(debugging, Draining()) as services:
                await services.database.reader.first(_ECHO, n=4711)
        statements = [line["statement"] for line in logs if line["event"] == "statement"]
        assert [name for name in statements if name.startswith("test.")] == ["test.echo"]
        assert "4711" not in str(logs)

    async def test_slow_ones_are_logged_without_parameters(self, settings: Settings) -> None:
        url = settings.database.url.get_secret_value()
        database = Database(load_settings(DATABASE_URL=url, DB_SLOW_QUERY_MS="0.0001").database)
        with capture_logs() as logs:
            await database.reader.first(_ECHO, n=4711)
        await database.close()
        (line,) = [line for line in logs if line["event"] == "slow query"]
        assert (line["statement"], line["fingerprint"]) == ("test.echo", _ECHO.fingerprint)
        assert "4711" not in str(line)
