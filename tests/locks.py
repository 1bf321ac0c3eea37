"""Waiting for somebody to wait: the one moment at which two transactions are known to meet."""

import asyncio
from typing import Any

from app.database.executor import Transaction

_BLOCKS_SOMEBODY = (
    "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
)


async def waits_for(work: Transaction, waiting: "asyncio.Task[Any]") -> None:
    """Returns when `waiting` waits for a lock that `work` holds. Fails if it ends without having waited."""
    while not await work._connection.raw.fetchval(_BLOCKS_SOMEBODY):
        assert not waiting.done(), "it did not wait"
        await asyncio.sleep(0.005)
