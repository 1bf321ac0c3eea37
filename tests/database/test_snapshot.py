"""One state of the database for many statements, and nothing that can be written through it."""

import asyncpg
import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select

from app.database.errors import DatabaseUnavailable
from app.database.executor import Database, Transaction
from app.database.snapshot import snapshot
from app.database.statements import Change, Query, scalar

numbers = Table("snapshot_numbers", MetaData(), Column("number", Integer))
COUNT = Query("tests.count", select(func.count()).select_from(numbers), scalar)
ADD = Change("tests.add", insert(numbers).values(number=1), scalar)


@pytest.fixture(autouse=True)
async def table(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("DROP TABLE IF EXISTS snapshot_numbers; CREATE TABLE snapshot_numbers (number integer)")
    await connection.close()


async def add(database: Database) -> None:
    async with database.transaction() as work:
        await work.run(ADD)


async def test_what_is_written_meanwhile_is_not_seen(database: Database):
    async with snapshot(database) as reader:
        assert await reader.all(COUNT) == [0]
        await add(database)
        assert await reader.all(COUNT) == [0]
    async with snapshot(database) as reader:
        assert await reader.all(COUNT) == [1]


async def test_it_writes_nothing(database: Database):
    async def write() -> None:
        async with snapshot(database) as reader:
            assert isinstance(reader, Transaction)
            await reader.run(ADD)

    with pytest.raises(DatabaseUnavailable):
        await write()
    assert await database.reader.all(COUNT) == [0]


async def test_its_connection_is_as_good_as_before(database: Database):
    for _ in range(20):
        async with snapshot(database) as reader:
            await reader.all(COUNT)
    with pytest.raises(ZeroDivisionError):
        async with snapshot(database):
            raise ZeroDivisionError
    await add(database)
    assert await database.reader.all(COUNT) == [1]
