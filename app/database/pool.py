"""PostgreSQL connections, handed over first come, first served.

asyncpg's own pool lets newcomers overtake waiters, which costs the unlucky ones a tail of tens of milliseconds
under contention, and resets each connection with a query at every release. Here a released connection goes
straight to the longest waiter, nothing is reset (no session state is ever changed after connecting), and each
connection keeps its prepared statements.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from app.database.errors import DatabaseUnavailable, raise_translated
from app.database.moments import read_moments_fast

OVERFLOW_IDLE_SECONDS = 30.0
# A prepared list costs its backend about 70 KB (measured 2026-11-21), and clients choose the shapes of lists.
STATEMENTS_KEPT = 200


@dataclass(frozen=True)
class PoolOptions:
    """Size and time limits of a pool; `overflow` connections beyond `size` close when idle."""

    url: str
    size: int
    overflow: int
    timeout_seconds: float
    query_timeout_seconds: float
    application_name: str = "todo"
    # Plans are made once for any values: planning costs PostgreSQL more than running what is prepared here, and tests
    # hold these plans to their indexes. Else each time for its own, which pays for few statements over much.
    generic_plans: bool = True


class PooledConnection:
    """One connection and the statements prepared on it, the latest used last."""

    __slots__ = ("_number", "_prepared", "idle_since", "raw")

    def __init__(self, raw: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.raw = raw
        self.idle_since = 0.0
        self._number = 0
        self._prepared: dict[str, PreparedStatement[asyncpg.Record]] = {}

    async def fetch(self, sql: str, arguments: list[Any]) -> list[asyncpg.Record]:
        """All rows of one statement, which is prepared on its first run here and kept while it is used."""
        prepared = self._prepared.pop(sql, None)
        if prepared is None:
            if len(self._prepared) >= STATEMENTS_KEPT:
                del self._prepared[next(iter(self._prepared))]  # asyncpg closes it on the server.
            self._number += 1
            # Without a name asyncpg prepares the unnamed statement, which the next one replaces.
            prepared = await self.raw.prepare(sql, name=f"todo_{self._number}")
        self._prepared[sql] = prepared
        return await prepared.fetch(*arguments)

    def forget(self, sql: str) -> None:
        """Prepares `sql` afresh next time, because the schema under it has changed."""
        self._prepared.pop(sql, None)


class Pool:
    """At most `size + overflow` connections; waiters are served in order of arrival."""

    def __init__(self, options: PoolOptions) -> None:
        self._options = options
        self._idle: list[PooledConnection] = []
        self._waiters: deque[asyncio.Future[PooledConnection]] = deque()
        self._open = 0
        self._opening: set[asyncio.Task[None]] = set()
        self._reaper: asyncio.TimerHandle | None = None
        self._closed = False
        # True: nobody gets a connection yet, because something has to be done to the database first.
        self.is_held = False

    @property
    def usage(self) -> dict[str, int]:
        """How many connections are open, idle and waited for."""
        return {
            "size": self._options.size,
            "overflow": self._options.overflow,
            "open": self._open,
            "idle": len(self._idle),
            "waiting": len(self._waiters),
        }

    async def acquire(self) -> PooledConnection:
        """A connection, at once or within `timeout_seconds`. Raises DatabaseUnavailable, also while held."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.raw.is_closed():
                return connection
            self._open -= 1
        # There is no connection yet while the pool is held, so whoever finds one need not ask.
        if self._closed or self.is_held:
            raise DatabaseUnavailable("DATABASE_UNAVAILABLE")
        if self._open >= self._options.size + self._options.overflow:
            return await self._wait()
        self._open += 1
        try:
            return await self._connect()
        except BaseException:
            self._free_place()
            raise

    def release(self, connection: PooledConnection) -> None:
        """Gives a healthy connection to the longest waiter, or keeps it."""
        if connection.raw.is_closed() or self._closed:
            self.discard(connection)
            return
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(connection)
            return
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.append(connection)
        if self._open > self._options.size and self._reaper is None:
            self._reap_later()

    def discard(self, connection: PooledConnection) -> None:
        """Drops a connection whose state is unknown; a waiter gets a new one instead."""
        connection.raw.terminate()
        self._free_place()

    async def close(self) -> None:
        """Closes idle connections now and the others when they are released; whoever waits is refused."""
        self._closed = True
        if self._reaper is not None:
            self._reaper.cancel()
        for task in self._opening:
            task.cancel()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(DatabaseUnavailable("DATABASE_UNAVAILABLE"))
        idle, self._idle = self._idle, []
        self._open -= len(idle)
        await asyncio.gather(*(connection.raw.close(timeout=2) for connection in idle), return_exceptions=True)

    async def _connect(self) -> PooledConnection:
        options = self._options
        milliseconds = max(int(options.query_timeout_seconds * 1000), 1)
        try:
            raw = await asyncpg.connect(
                options.url,
                timeout=options.timeout_seconds,
                command_timeout=options.query_timeout_seconds + 1,
                statement_cache_size=0,  # PooledConnection keeps the prepared statements
                server_settings={
                    "application_name": options.application_name,
                    "jit": "off",
                    "plan_cache_mode": "force_generic_plan" if options.generic_plans else "force_custom_plan",
                    # Every statement here has an index to walk. Of a database too young to have statistics PostgreSQL
                    # assumes that reading all users is as good, and keeps that plan until the first ANALYZE.
                    "enable_seqscan": "off",
                    "timezone": "UTC",
                    "default_transaction_isolation": "read committed",  # What every lock in the repositories relies on.
                    "statement_timeout": str(milliseconds),
                    "lock_timeout": str(max(milliseconds // 2, 1)),
                    "idle_in_transaction_session_timeout": str(milliseconds * 3),
                    "client_connection_check_interval": "2000",
                },
            )
            await read_moments_fast(raw)
        except asyncpg.PostgresError as error:  # Also an absent database or a wrong password: nobody can be served.
            raise DatabaseUnavailable("DATABASE_UNAVAILABLE") from error
        except Exception as error:  # noqa: BLE001 - translated and raised again, whatever it is
            raise_translated(error)
        return PooledConnection(raw)

    async def _wait(self) -> PooledConnection:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[PooledConnection] = loop.create_future()
        self._waiters.append(waiter)
        timer = loop.call_later(self._options.timeout_seconds, _expire, waiter)
        try:
            return await waiter
        except BaseException:
            if waiter in self._waiters:  # Out of time, or cancelled while it waited.
                self._waiters.remove(waiter)
            elif not waiter.cancelled() and waiter.exception() is None:  # Cancelled with a connection in its hands.
                self.release(waiter.result())
            raise
        finally:
            timer.cancel()

    def _free_place(self) -> None:
        """Gives the place of a connection that is gone to the longest waiter; it stays counted meanwhile."""
        if not self._waiters or self._closed:
            self._open -= 1
            return
        task = asyncio.get_running_loop().create_task(self._open_for_a_waiter())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open_for_a_waiter(self) -> None:
        try:
            connection = await self._connect()
        except BaseException as error:
            # One attempt, one refusal: the others get an attempt of their own.
            waiter = self._next_waiter()
            if waiter is not None and isinstance(error, DatabaseUnavailable):
                waiter.set_exception(error)
            elif waiter is not None:
                waiter.set_exception(DatabaseUnavailable("DATABASE_UNAVAILABLE"))
            self._free_place()
            if not isinstance(error, DatabaseUnavailable):
                raise
            return
        self.release(connection)

    def _next_waiter(self) -> "asyncio.Future[PooledConnection] | None":
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None

    def _reap_later(self) -> None:
        self._reaper = asyncio.get_running_loop().call_later(OVERFLOW_IDLE_SECONDS, self._reap)

    def _reap(self) -> None:
        self._reaper = None
        oldest = asyncio.get_running_loop().time() - OVERFLOW_IDLE_SECONDS
        while self._open > self._options.size and self._idle and self._idle[0].idle_since <= oldest:
            self._idle.pop(0).raw.terminate()
            self._open -= 1
        if self._open > self._options.size:
            self._reap_later()


def _expire(waiter: "asyncio.Future[PooledConnection]") -> None:
    if not waiter.done():
        waiter.set_exception(DatabaseUnavailable("DATABASE_POOL_EXHAUSTED"))
