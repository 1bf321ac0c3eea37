"""A connection pool written for one purpose: nothing between a request and its prepared statement.

No reset, no health check, no time limit, no reconnection. Waiters are served first come, first served; of idle
connections the one used last is used again, whose backend has the warmest caches.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

Prepared: TypeAlias = "list[PreparedStatement[asyncpg.Record]]"
"""One connection, seen as the statements that are prepared on it."""


class FifoPool:
    """Connections on which the same statements are prepared."""

    def __init__(self, url: str, size: int, statements: Sequence[str]) -> None:
        self._url = url
        self._size = size
        self._statements = statements
        self._connections: list[asyncpg.Connection[asyncpg.Record]] = []
        self._idle: list[Prepared] = []
        self._waiting: deque[asyncio.Future[Prepared]] = deque()

    async def open(self) -> None:
        """Connects all of them and prepares every statement on each."""
        for _ in range(self._size):
            connection = await asyncpg.connect(self._url, server_settings={"jit": "off"})
            self._connections.append(connection)
            prepared: list[PreparedStatement[asyncpg.Record]] = [
                await connection.prepare(sql) for sql in self._statements
            ]
            self._idle.append(prepared)

    async def fetch(self, statement: int, *arguments: object) -> list[asyncpg.Record]:
        """Rows of the statement with that index, on the connection that is free first. One round trip."""
        prepared = self._idle.pop() if self._idle else await self._wait()
        try:
            return await prepared[statement].fetch(*arguments)
        finally:
            if self._waiting:
                self._waiting.popleft().set_result(prepared)
            else:
                self._idle.append(prepared)

    async def close(self) -> None:
        """Closes all connections."""
        for connection in self._connections:
            await connection.close()

    async def _wait(self) -> Prepared:
        waiter: asyncio.Future[Prepared] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        return await waiter
