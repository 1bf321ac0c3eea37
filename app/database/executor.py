"""Runs compiled statements: reads on any connection, writes inside one transaction.

Timing, counting and the translation of driver errors happen here, once for all SQL.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import asyncpg

from app.database.closing import Closing, closing_row
from app.database.errors import DatabaseUnavailable, raise_translated
from app.database.pool import Pool, PooledConnection, PoolOptions
from app.database.statements import Change, Query, Statement
from app.database.touches import Announce, note_of, noting
from app.database.watch import Watch, runs_for_nobody
from app.setting_groups import DatabaseSettings

FAILED_BEFORE = "the transaction had failed before COMMIT and was rolled back"

T = TypeVar("T")


class Reader(Protocol):
    """Runs queries. A transaction is a Reader too, and sees its own writes."""

    async def all(self, query: Query[T], /, **parameters: Any) -> list[T]:
        """Every row, in the statement's order. One round trip."""

    async def first(self, query: Query[T], /, **parameters: Any) -> T | None:
        """The first row, or None. One round trip."""


class Writer(Protocol):
    """Runs changes, and is told which cache tags they make stale."""

    def touch(self, *tags: str) -> None:
        """What is written here makes cached values under these tags stale: nobody is shown them after COMMIT."""

    async def first(self, statement: Change[T], /, **parameters: Any) -> T | None:
        """The first row that the statement returns, or None. One round trip."""

    async def all(self, statement: Change[T], /, **parameters: Any) -> list[T]:
        """Every row that the statement returns. One round trip."""


class PoolReader:
    """Reader that takes a pooled connection for each statement and gives it back at once."""

    def __init__(self, pool: Pool, watch: Watch) -> None:
        self._pool = pool
        self._watch = watch

    async def all(self, query: Query[T], /, **parameters: Any) -> list[T]:
        """Every row, in the statement's order. Raises DatabaseUnavailable."""
        make_row = query.make_row
        return [make_row(*record) for record in await self._fetch(query, query.arguments(parameters))]

    async def first(self, query: Query[T], /, **parameters: Any) -> T | None:
        """The first row, or None. Raises DatabaseUnavailable."""
        records = await self._fetch(query, query.arguments(parameters))
        return query.make_row(*records[0]) if records else None

    async def _fetch(self, query: Query[Any], arguments: list[Any]) -> list[asyncpg.Record]:
        pool = self._pool
        connection = await pool.acquire()
        started = time.perf_counter()
        try:
            try:
                records = await connection.fetch(query.sql, arguments)
            except asyncpg.InvalidCachedStatementError:  # A migration changed a type under the prepared statement.
                connection.forget(query.sql)
                records = await connection.fetch(query.sql, arguments)
        except asyncpg.PostgresError as error:
            pool.release(connection)
            raise_translated(error)
        except BaseException as error:  # noqa: BLE001 - cleaned up and raised again, whatever it is
            pool.discard(connection)
            raise_translated(error)
        finally:
            self._watch.saw(query, time.perf_counter() - started)
        pool.release(connection)
        return records


class Transaction:
    """One open transaction: a Reader that also writes. Committed or rolled back by `Database.transaction`."""

    def __init__(self, connection: PooledConnection, watch: Watch) -> None:
        self._connection = connection
        self._watch = watch
        self.touched: list[str] = []
        self.closing: dict[Closing, list[bytes]] = {}

    def touch(self, *tags: str) -> None:
        """As Writer says: noted with COMMIT in the same message, announced after it, forgotten at a rollback."""
        self.touched += tags

    def close_with(self, closing: Closing, row: object) -> None:
        """`row` is handed to `closing` with COMMIT in the same message, together with the others; no round trip."""
        self.closing.setdefault(closing, []).append(closing_row(row))

    async def all(self, statement: Query[T] | Change[T], /, **parameters: Any) -> list[T]:
        """Every row that the statement selects or returns. Raises ConstraintViolated, DatabaseUnavailable."""
        make_row = statement.make_row
        return [make_row(*record) for record in await self._fetch(statement, parameters)]

    async def first(self, statement: Query[T] | Change[T], /, **parameters: Any) -> T | None:
        """The first row that the statement selects or returns, or None. Raises as `all`."""
        records = await self._fetch(statement, parameters)
        return statement.make_row(*records[0]) if records else None

    async def run(self, change: Change[Any], /, **parameters: Any) -> None:
        """Runs a statement whose rows do not matter. Raises as `all`."""
        await self._fetch(change, parameters)

    async def _fetch(self, statement: Statement[Any], parameters: dict[str, Any]) -> list[asyncpg.Record]:
        started = time.perf_counter()
        try:
            return await self._connection.fetch(statement.sql, statement.arguments(parameters))
        except asyncpg.InvalidCachedStatementError:  # The transaction has failed; the next one prepares afresh.
            self._connection.forget(statement.sql)
            raise DatabaseUnavailable("DATABASE_SCHEMA_CHANGED") from None
        except Exception as error:  # noqa: BLE001 - translated and raised again, whatever it is
            raise_translated(error)
        finally:
            self._watch.saw(statement, time.perf_counter() - started)


class Autocommit:
    """A Writer whose one statement is a transaction of its own: one round trip instead of three."""

    def __init__(self, pool: Pool, watch: Watch, announce: Announce | None) -> None:
        self._pool = pool
        self._watch = watch
        self._announce = announce
        self._touched: list[str] = []

    def touch(self, *tags: str) -> None:
        """As Writer says; before the statement, which stores the note."""
        self._touched += tags

    async def first(self, statement: Change[T], /, **parameters: Any) -> T | None:
        """The first row that the statement returns, or None. Committed, and raises, as `all`."""
        rows = await self.all(statement, **parameters)
        return rows[0] if rows else None

    async def all(self, statement: Change[T], /, **parameters: Any) -> list[T]:
        """Every row that the statement returns; committed when this returns.

        Raises ConstraintViolated, and DatabaseUnavailable; with `outcome_unknown` if the connection was lost meanwhile.
        """
        sql, arguments, note = statement.sql, statement.arguments(parameters), None
        if self._touched and self._announce is not None:
            note = note_of(self._touched)
            sql = noting(statement)
            arguments += [note.id, note.tags]
        records = await self._run(statement, sql, arguments)
        if note is not None and records and self._announce is not None:
            await self._announce(note)
        make_row = statement.make_row
        return [make_row(*record) for record in records]

    async def _run(self, statement: Change[Any], sql: str, arguments: list[Any]) -> list[asyncpg.Record]:
        pool = self._pool
        connection = await pool.acquire()
        started = time.perf_counter()
        try:
            records = await connection.fetch(sql, arguments)
        except asyncpg.InvalidCachedStatementError:
            connection.forget(sql)
            pool.release(connection)
            raise DatabaseUnavailable("DATABASE_SCHEMA_CHANGED") from None
        except asyncpg.PostgresError as error:
            pool.release(connection)
            raise_translated(error)
        except BaseException as error:
            pool.discard(connection)
            if isinstance(error, Exception):
                raise DatabaseUnavailable("COMMIT_OUTCOME_UNKNOWN", outcome_unknown=True) from error
            raise
        finally:
            self._watch.saw(statement, time.perf_counter() - started)
        pool.release(connection)
        return records


class Database:
    """A pool, a reader on it, and transactions.

    `pooling` says more of PoolOptions. `announce` is set by whoever caches; without it nothing is cached, and touches
    are not even noted.
    """

    def __init__(self, settings: DatabaseSettings, **pooling: Any) -> None:
        options = PoolOptions(
            url=settings.url.get_secret_value(),
            size=settings.pool_size,
            overflow=settings.max_overflow,
            timeout_seconds=settings.pool_timeout_seconds,
            query_timeout_seconds=settings.query_timeout_seconds,
        )
        self.pool = Pool(replace(options, **pooling))
        self.watch = Watch(settings.slow_query_ms)
        self.reader: Reader = PoolReader(self.pool, self.watch)
        self.announce: Announce | None = None

    def autocommit(self) -> Autocommit:
        """A writer for one statement that is a unit of work by itself."""
        return Autocommit(self.pool, self.watch, self.announce)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """BEGIN, then COMMIT if the block ends well, else ROLLBACK.

        Raises DatabaseUnavailable; with `outcome_unknown` if the connection was lost after COMMIT was sent.
        """
        connection = await self.pool.acquire()
        try:
            await connection.raw.execute("BEGIN")
        except BaseException as error:  # noqa: BLE001 - cleaned up and raised again, whatever it is
            self.pool.discard(connection)
            raise_translated(error)
        transaction = Transaction(connection, self.watch)
        try:
            yield transaction
            note = note_of(transaction.touched) if transaction.touched and self.announce is not None else None
            last = [closing.call(rows) for closing, rows in transaction.closing.items()]
        except BaseException:
            await self._roll_back(connection)
            raise
        if note is not None:
            last.append(note.insert_sql)
        await self._commit(connection, last)
        if note is not None and self.announce is not None:
            await self.announce(note)

    async def _commit(self, connection: PooledConnection, last: list[str]) -> None:
        """Runs the last statements and commits, in one message; gives the connection back, whatever comes of it."""
        try:
            status = await connection.raw.execute("; ".join([*last, "COMMIT"]))
        except asyncpg.InFailedSQLTransactionError:
            await self._roll_back(connection)
            raise RuntimeError(FAILED_BEFORE) from None
        except BaseException as error:
            # An error means that nothing was committed; a session that the server ends may have committed just before.
            if isinstance(error, asyncpg.PostgresError) and error.severity_en == "ERROR":
                await self._roll_back(connection)
                raise_translated(error)
            self.pool.discard(connection)
            if isinstance(error, Exception):
                raise DatabaseUnavailable("COMMIT_OUTCOME_UNKNOWN", outcome_unknown=True) from error
            raise
        self.pool.release(connection)
        if status != "COMMIT":
            raise RuntimeError(FAILED_BEFORE)

    async def _roll_back(self, connection: PooledConnection) -> None:
        """Leaves the connection clean, or drops it where a clean state cannot be had at once."""
        cancelling = asyncio.current_task() is not None and asyncio.current_task().cancelling()  # type: ignore[union-attr]  # checked on the same line
        if connection.raw.is_closed() or cancelling:
            self.pool.discard(connection)
            return
        try:
            await connection.raw.execute("ROLLBACK")
        except BaseException as error:
            self.pool.discard(connection)  # Whatever it was, the connection cannot be trusted any more.
            if not isinstance(error, Exception):
                raise
        else:
            self.pool.release(connection)

    @contextmanager
    def observed(self) -> Iterator[list[str]]:
        """The names of the statements that finish while the block runs, in order (for tests and diagnosis).

        Without those of tasks that the process runs by itself (`for_nobody`).
        """
        names: list[str] = []

        def remember(statement: Statement[Any], _seconds: float) -> None:
            if not runs_for_nobody():
                names.append(statement.name)

        self.watch.observers.append(remember)
        try:
            yield names
        finally:
            self.watch.observers.remove(remember)

    async def close(self) -> None:
        """Closes the pool; connections that are in use close when they are given back."""
        await self.pool.close()
