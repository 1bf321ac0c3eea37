"""Statements stay prepared on their connection, and no more of them than it keeps."""

from typing import Any

from sqlalchemy import literal_column, select

from app.database.executor import Database
from app.database.pool import STATEMENTS_KEPT, Pool
from app.database.statements import Query, scalar

_ON_THE_SERVER = "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'todo_%'"


def numbered(number: int) -> Query[Any]:
    return Query("test.numbered", select(literal_column(str(number))), scalar)


async def on_the_server(pool: Pool) -> int:
    connection = await pool.acquire()
    try:
        counted: int = await connection.raw.fetchval(_ON_THE_SERVER)
        return counted
    finally:
        pool.release(connection)


async def test_a_statement_that_ran_is_still_prepared(lone: Database) -> None:
    query = numbered(1)
    for _ in range(5):
        assert await lone.reader.first(query) == 1
    assert await on_the_server(lone.pool) == 1


async def test_the_least_recently_used_one_makes_room(lone: Database) -> None:
    first = numbered(0)
    for number in range(STATEMENTS_KEPT + 50):
        assert await lone.reader.first(numbered(number)) == number
        assert await lone.reader.first(first) == 0
    assert await on_the_server(lone.pool) <= STATEMENTS_KEPT
    connection = await lone.pool.acquire()
    assert first.sql in connection._prepared
    lone.pool.release(connection)
