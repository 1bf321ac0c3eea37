"""Runs compiled statements: reads on any connection, writes inside one transaction.

Timing, the slow-query log, counting and the translation of driver errors live here, once for all SQL.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol, TypeVar

import asyncpg
import structlog

from app.database.errors import ConstraintViolated, DatabaseUnavailable, raise_translated
from app.database.pool import Pool, PooledConnection, PoolOptions
from app.database.statements import Change, Query, Statement
from app.settings import DatabaseSettings

T = TypeVar("T")
Observer = Callable[[Statement[Any], float], None]

log = structlog.get_logger("app.database")


class Reader(Protocol):
    """Runs queries. A transaction is a Reader too, and sees its own writes."""

    async def all(self, query: Query[T], /, **parameters: Any) -> list[T]:
        """Every row, in the statement's order. One round trip."""

    async def first(self, query: Query[T], /, **parameters: Any) -> T | None:
        """The first row, or None. One round trip."""


class Watch:
    """Times each statement and tells the observers; logs the slow ones by fingerprint, never with parameters."""

    def __init__(self, slow_query_ms: float) -> None:
        self._slow_seconds = slow_query_ms / 1000
        self.observers: list[Observer] = []

    def saw(self, statement: Statement[Any], seconds: float) -> None:
        """Records one finished statement."""
        for observer in self.observers:
            observer(statement, seconds)
        if seconds >= self._slow_seconds:
            log.warning(
                "slow query",
                statement=statement.name,
                fingerprint=statement.fingerprint,
                duration_ms=round(seconds * 1000, 1),
            )


def log_statement(statement: Statement[Any], seconds: float) -> None:
    """The observer that DEBUG adds: every statement by its name, never its parameters."""
    log.info("statement", statement=statement.name, duration_ms=round(seconds * 1000, 2))


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


class Database:
    """A pool, a reader on it, and transactions."""

    def __init__(self, settings: DatabaseSettings, *, application_name: str = "todo") -> None:
        self.pool = Pool(
            PoolOptions(
                url=settings.url.get_secret_value(),
                size=settings.pool_size,
                overflow=settings.max_overflow,
                timeout_seconds=settings.pool_timeout_seconds,
                query_timeout_seconds=settings.query_timeout_seconds,
                application_name=application_name,
            )
        )
        self.watch = Watch(settings.slow_query_ms)
        self.reader: Reader = PoolReader(self.pool, self.watch)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """BEGIN, then COMMIT if the block ends well, else ROLLBACK.

        Raises DatabaseUnavailable; with `outcome_unknown` if the connection was lost after COMMIT was sent.
        """
        connection = await self.pool.acquire()
        raw = connection.raw
        try:
            await raw.execute("BEGIN")
        except BaseException as error:  # noqa: BLE001 - cleaned up and raised again, whatever it is
            self.pool.discard(connection)
            raise_translated(error)
        try:
            yield Transaction(connection, self.watch)
        except BaseException:
            await self._roll_back(connection)
            raise
        try:
            status = await raw.execute("COMMIT")
        except asyncpg.IntegrityConstraintViolationError as error:  # a deferred constraint; the server rolled back
            self.pool.release(connection)
            raise ConstraintViolated(error.constraint_name or "") from error
        except BaseException as error:
            self.pool.discard(connection)
            if isinstance(error, Exception):
                raise DatabaseUnavailable("COMMIT_OUTCOME_UNKNOWN", outcome_unknown=True) from error
            raise
        self.pool.release(connection)
        if status != "COMMIT":
            raise RuntimeError("the transaction had failed before COMMIT and was rolled back")

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
        """The names of the statements that finish while the block runs, in order (for tests and diagnosis)."""
        names: list[str] = []

        def remember(statement: Statement[Any], _seconds: float) -> None:
            names.append(statement.name)

        self.watch.observers.append(remember)
        try:
            yield names
        finally:
            self.watch.observers.remove(remember)

    async def close(self) -> None:
        """Closes the pool; connections that are in use close when they are given back."""
        await self.pool.close()
