"""`todo erasures`: takes the list of erasures out of one database and carries it out in another, ledger or not.

Knows how it looks on a terminal; what is done is in app.domain.erasure.
"""

import asyncio
import sys
from pathlib import Path

from app.database.executor import Database
from app.domain.erasure import commands, queries
from app.erasure_ledger import Erased, ErasureLedger, line_of, read
from app.erasure_replay import means_of, own_database
from app.settings import Settings
from app.telemetry.request_origin import of_operator


def export(settings: Settings) -> int:
    """Prints every erasure that the database or the ledger knows, as lines of a ledger."""
    for erased in asyncio.run(_known(settings)):
        sys.stdout.buffer.write(line_of(erased))
    sys.stdout.buffer.flush()
    return 0


def replay(settings: Settings, file: Path) -> int:
    """Erases everybody in the file; "-" is standard input. Raises LedgerUnreadable and OSError."""
    of_operator()
    erasures = list(read(sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()))
    people = asyncio.run(_replay(settings, erasures))
    print(f"{len(erasures)} erasures are listed; {people} people were still there, and are closed or erased now.")
    return 0


async def _known(settings: Settings) -> list[Erased]:
    means = means_of(settings)
    written = [] if means.ledger is None else means.ledger.erasures()
    async with own_database(settings) as database:
        stored = await queries.erasures(database.reader)
    known = {erased.subject_hash: erased for erased in [*stored, *written]}
    return sorted(known.values(), key=lambda erased: (erased.at, erased.subject_hash))


async def _replay(settings: Settings, erasures: list[Erased]) -> int:
    means = means_of(settings)
    async with own_database(settings) as database:
        people = await commands.replay(database, means, erasures)
        await _keep(database, means.ledger)
        return people


async def _keep(database: Database, ledger: ErasureLedger | None) -> None:
    if ledger is not None:
        await commands.keep_ledger(ledger, database)
