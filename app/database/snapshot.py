"""One state of the database, looked at by many statements: what is written meanwhile is not seen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.database.errors import raise_translated
from app.database.executor import Database, Reader, Transaction

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[Reader]:
    """A reader that sees what was committed before its first statement, and nothing later.

    Takes one connection until it is left, and holds vacuum back for as long, so whoever uses it bounds its time.
    Raises DatabaseUnavailable.
    """
    connection = await database.pool.acquire()
    try:
        await connection.raw.execute(_BEGIN)
        yield Transaction(connection, database.watch)
        await connection.raw.execute("COMMIT")
    except BaseException as error:  # noqa: BLE001 - cleaned up and raised again, whatever it is
        database.pool.discard(connection)
        raise_translated(error)
    database.pool.release(connection)
