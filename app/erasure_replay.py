"""Before a process uses its database, whoever was erased is shut out there, too: it may be an older backup.

Knows where the ledger is, and keeps everybody from the database until nobody in it can come in; what that takes is in
app.domain.erasure. Erasing them is tried at once, and keeps nobody waiting for long: the worker goes on with it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from app.database.errors import DatabaseUnavailable
from app.database.executor import Database
from app.database.touches import Note
from app.database.watch import for_nobody
from app.domain.erasure import commands as erasure
from app.domain.erasure.commands import Means
from app.domain.ids import UserId
from app.erasure_ledger import ErasureLedger
from app.field_encryption import field_cipher
from app.settings import Settings
from app.telemetry.logging import get_logger

# So long a process waits before it goes on and answers 503: a ledger that says nothing new takes one statement.
PATIENCE_SECONDS = 5.0
PAUSE_SECONDS = 1.0
# So long the accounts that were closed may hold the pool until they are gone. What takes longer, or fails, must not
# make an outage of a start.
ERASING_SECONDS = 3.0
# A failure that lasts is logged that often.
SAID_EVERY = timedelta(minutes=1)

log = get_logger(__name__)


def means_of(settings: Settings) -> Means:
    """What it takes to erase somebody in a service with these settings."""
    path = settings.privacy.erasure_ledger_path
    return Means(field_cipher(settings.encryption), ErasureLedger(Path(path)) if path else None)


async def replay_before_use(settings: Settings, database: Database) -> "asyncio.Task[None]":
    """Holds the pool of `database` until nobody in the ledger can come in; a task that ends then.

    Returns after five seconds at the latest: the process answers while it lasts, with 503. Without a ledger there is
    nothing to wait for.
    """
    means = means_of(settings)
    database.pool.is_held = means.ledger is not None and bool(settings.database.url.get_secret_value())
    task = asyncio.create_task(_replay_until_done(settings, database), context=for_nobody())
    await asyncio.wait([task], timeout=PATIENCE_SECONDS)
    return task


async def replay_once(settings: Settings) -> None:
    """Shuts out everybody in the ledger, and erases whom it can soon. Raises OSError, LedgerUnreadable.

    Raises DatabaseUnavailable, too; that somebody cannot be erased yet is logged.
    """
    means = means_of(settings)
    if means.ledger is None:
        return
    erasures = await asyncio.to_thread(means.ledger.erasures)
    async with own_database(settings) as database:
        await _erase_soon(database, means, await erasure.close(database, erasures))


async def replay_ledger(database: Database, means: Means) -> int:
    """Erases everybody whom the ledger knows and this database has not erased; how many people were there again."""
    if means.ledger is None:
        return 0
    return await erasure.replay(database, means, await asyncio.to_thread(means.ledger.erasures))


async def _replay_until_done(settings: Settings, database: Database) -> None:
    """Tries until it has succeeded: whatever is in the way, a process that knew less would show people who are gone."""
    if not database.pool.is_held:
        return
    said_at = -SAID_EVERY.total_seconds()
    clock = asyncio.get_running_loop().time
    while database.pool.is_held:
        try:
            await replay_once(settings)
            database.pool.is_held = False
        except Exception as error:
            if clock() - said_at >= SAID_EVERY.total_seconds():
                said_at = clock()
                # Without the database there is nothing to say that readiness does not say as well.
                is_news = not isinstance(error, DatabaseUnavailable)
                log.exception("the erasure ledger is not replayed yet", reason=str(error), exc_info=is_news)
            await asyncio.sleep(PAUSE_SECONDS)


async def _erase_soon(database: Database, means: Means, people: list[UserId]) -> None:
    """Erases whom it can in a few seconds. The others are closed and due, so the worker finds them."""
    try:
        async with asyncio.timeout(ERASING_SECONDS):
            await erasure.erase(database, means, people)
    except Exception as error:
        log.exception("people who are closed again are left for the worker to erase", reason=repr(error))


@asynccontextmanager
async def own_database(settings: Settings) -> AsyncIterator[Database]:
    """A pool besides the one that is held. What it touches is noted, and announced by those who sweep."""
    few = settings.database.model_copy(update={"pool_size": 1, "max_overflow": 1})
    database = Database(few, application_name="todo-erasures")
    if settings.redis.url.get_secret_value():
        database.announce = _leave
    try:
        yield database
    finally:
        await database.close()


async def _leave(note: Note) -> None:
    """Told by others: this process has no connection to Redis yet, and takes none before the notes are swept up."""
