"""What leaves with COMMIT in one message: done with it or not at all; never mistaken for a COMMIT without an answer."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import Integer, column, select, table

from app.database.closing import Closing
from app.database.errors import DatabaseUnavailable
from app.database.executor import Database
from app.database.statements import Query, scalar

KEEP, FAIL, END = Closing("tests_keep"), Closing("tests_fail"), Closing("tests_end")
_KEPT = Query("tests.kept", select(column("n", Integer)).select_from(table("tests_kept")).order_by("n"), scalar)
_FUNCTIONS = """
CREATE TABLE tests_kept (n int, text text);
CREATE FUNCTION tests_keep(rows json) RETURNS void LANGUAGE sql AS
    'INSERT INTO tests_kept SELECT * FROM json_to_recordset(rows) AS r(n int, text text)';
CREATE FUNCTION tests_fail(rows json) RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN RAISE lock_not_available; END $$;
CREATE FUNCTION tests_end(rows json) RETURNS void LANGUAGE sql AS
    'SELECT pg_terminate_backend(pg_backend_pid())';
"""
_NO_FUNCTIONS = "DROP FUNCTION tests_keep, tests_fail, tests_end; DROP TABLE tests_kept"


@pytest.fixture(autouse=True)
async def functions(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database_url)
    await connection.execute(_FUNCTIONS)
    yield connection
    await connection.execute(_NO_FUNCTIONS)
    await connection.close()


async def close_with(database: Database, *rows: tuple[Closing, object]) -> None:
    async with database.transaction() as work:
        for closing, row in rows:
            work.close_with(closing, row)


class TestClosing:
    async def test_all_rows_arrive_in_one_call_and_without_a_statement_of_their_own(self, database: Database) -> None:
        with database.observed() as statements:
            await close_with(database, *((KEEP, {"n": number}) for number in (3, 1, 2)))
        assert statements == []
        assert await database.reader.all(_KEPT) == [1, 2, 3]

    @pytest.mark.parametrize("text", ["'); ROLLBACK; --", "\\'; DROP TABLE tests_kept; --", '$$ " 🦉'])
    async def test_no_text_ends_the_statement(
        self, text: str, database: Database, functions: "asyncpg.Connection[asyncpg.Record]"
    ) -> None:
        await close_with(database, (KEEP, {"n": 1, "text": text}))
        assert await functions.fetchval("SELECT text FROM tests_kept") == text

    async def test_what_fails_undoes_the_rest_and_leaves_the_connection_clean(self, lone: Database) -> None:
        with pytest.raises(DatabaseUnavailable) as unavailable:
            await close_with(lone, (KEEP, {"n": 1}), (FAIL, {}))
        assert (unavailable.value.code, unavailable.value.outcome_unknown) == ("DATABASE_TIMEOUT", False)
        assert lone.pool.usage["idle"] == 1
        await close_with(lone, (KEEP, {"n": 2}))
        assert await lone.reader.all(_KEPT) == [2]

    async def test_a_session_that_the_server_ends_leaves_the_outcome_open(self, lone: Database) -> None:
        with pytest.raises(DatabaseUnavailable) as unavailable:
            await close_with(lone, (END, {}))
        assert unavailable.value.outcome_unknown
        assert lone.pool.usage["open"] == 0

    async def test_a_row_that_json_cannot_say_is_refused_where_it_is_given(self, lone: Database) -> None:
        with pytest.raises(TypeError):
            await close_with(lone, (KEEP, {"n": object()}))
        assert lone.pool.usage["idle"] == 1

    async def test_a_touch_that_is_no_tag_loses_no_connection(
        self, lone: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def announce(_note: object) -> None:
            raise AssertionError("nothing was committed")

        async def touch_nonsense() -> None:
            async with lone.transaction() as work:
                work.touch("'")

        monkeypatch.setattr(lone, "announce", announce)
        with pytest.raises(ValueError, match="not a cache tag"):
            await touch_nonsense()
        assert lone.pool.usage["idle"] == 1
