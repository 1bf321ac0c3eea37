"""Erasing people whose time has come, everywhere, and once more whom an older backup has brought back.

An erasure is many short transactions, none of which takes more than BATCH rows along, of the audit log 1,000. Whoever
is killed between two of them leaves the account closed and a row in `erasures`; whoever comes next begins at the top
and finds less to do. The ledger is written before anything is gone, in the transaction from which on nobody can call
it off.
"""

import asyncio
from dataclasses import dataclass
from functools import partial

from app.database.errors import DatabaseUnavailable
from app.database.executor import Database, Transaction
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.erasure import content_repository, repository
from app.domain.erasure.parting import part_with
from app.domain.erasure.under_way import UnderWay
from app.domain.identity import api_key_repository
from app.domain.identity import repository as session_repository
from app.domain.identity.api_key import KeyEnding
from app.domain.identity.session import Ending
from app.domain.ids import UserId
from app.domain.messages import commands as messages
from app.domain.second_factors import sending
from app.domain.unit_of_work import unit_of_work
from app.erasure_ledger import Erased, ErasureLedger, LedgerUnreadable, digest_of
from app.field_encryption import FieldCipher, Place, Unreadable
from app.telemetry.logging import get_logger

BATCH = 500
# People at a time; the job comes again.
PEOPLE = 20

log = get_logger(__name__)


@dataclass(frozen=True)
class Means:
    """What it takes to erase somebody besides the database; without a ledger, backups bring people back."""

    cipher: FieldCipher
    ledger: ErasureLedger | None = None
    batch: int = BATCH


async def erase_due(database: Database, means: Means) -> int:
    """Erases whose time has come and those with whom somebody was interrupted; how many people. Raises as `erase`."""
    people = [
        *await repository.unfinished(database.reader, PEOPLE),
        *await repository.due(database.reader, PEOPLE),
    ]
    return await erase(database, means, list(dict.fromkeys(people)))


async def close(database: Database, erasures: list[Erased]) -> list[UserId]:
    """Shuts out everybody in the list whom this database does not know as erased; who they are, their erasure due.

    Everywhere but after a restore that is one statement. Whose erasure has begun here was shut out by that.
    """
    hashes = await repository.unknown(database.reader, [erased.subject_hash for erased in erasures])
    if not hashes:
        return []
    async with unit_of_work(database) as work:
        people = await repository.summon(work, hashes)
        present = {digest_of(user_id) for user_id in people}
        await repository.note(work, [each for each in hashes if each not in present])
        for user_id in people:
            await _log_out(work, user_id)
    if people:
        log.warning("the database was older than the ledger: erased people are closed again", people=len(people))
    return people


async def replay(database: Database, means: Means, erasures: list[Erased]) -> int:
    """Closes the accounts of everybody in the list who is there again, then erases them; how many. Raises as `erase`.

    What goes wrong after they are closed is left to `erase_due`.
    """
    return await erase(database, means, await close(database, erasures))


async def erase(database: Database, means: Means, people: list[UserId]) -> int:
    """Erases those of the people whose erasure is due or under way; how many. One who fails keeps nobody waiting.

    Raises OSError and LedgerUnreadable at once if the ledger cannot be written, as nobody can be erased then, and
    DatabaseUnavailable. Raises in the end what else went wrong with one, as an ExceptionGroup if with several.
    """
    count, failures = 0, []
    for user_id in people:
        try:
            count += await _erase(database, means, user_id)
        except (OSError, LedgerUnreadable, DatabaseUnavailable):
            raise
        except Exception as error:  # noqa: BLE001 - it is raised below
            failures.append(error)
    if failures:
        raise failures[0] if len(failures) == 1 else ExceptionGroup("some people could not be erased", failures)
    return count


async def keep_ledger(ledger: ErasureLedger, database: Database) -> int:
    """Writes down what this database knows and the ledger does not, as when another machine erased; how many."""
    known = await repository.every(database.reader)
    return await asyncio.to_thread(ledger.add, known)


async def _erase(database: Database, means: Means, user_id: UserId) -> bool:
    """Erases one person whose erasure is due or under way; False if neither is so.

    Can be interrupted at any point and run again, also by two at once.
    """
    erasure = UnderWay(database, user_id, digest_of(user_id), means.batch)
    await _begin(erasure, means.ledger)
    if not await repository.is_under_way(database.reader, erasure.subject_hash):
        return False
    while team_ids := await content_repository.teams(database.reader, user_id, 1):
        await part_with(erasure, team_ids[0])
    await erasure.repeat(partial(_unlink, user_id))
    await _forget_contacts(erasure, means.cipher)
    await erasure.repeat(partial(_delete_own, user_id))
    await _delete_account(erasure)
    await _finish(erasure)
    return True


async def _begin(erasure: UnderWay, ledger: ErasureLedger | None) -> None:
    """Notes it here and in the ledger, if it is due and has not begun. From here on nobody can call it off."""
    async with unit_of_work(erasure.database) as work:
        if not await repository.lock_due(work, erasure.user_id):
            return
        at = await repository.begin(work, erasure.user_id, erasure.subject_hash)
        if at is not None and ledger is not None:
            await asyncio.to_thread(ledger.add, [Erased(erasure.subject_hash, at)])
        await _log_out(work, erasure.user_id)


async def _log_out(work: Transaction, user_id: UserId) -> None:
    """Ends what lets somebody in; whoever asked for the erasure has nothing left of it, but a backup may."""
    await session_repository.revoke_all(work, user_id, Ending.DELETION_SCHEDULED)
    await api_key_repository.revoke_all(work, user_id, KeyEnding.DELETION_SCHEDULED)


async def _unlink(user_id: UserId, work: Transaction, limit: int) -> int:
    return await content_repository.unlink(work, user_id, limit)


async def _delete_own(user_id: UserId, work: Transaction, limit: int) -> int:
    return await content_repository.delete_own(work, user_id, limit)


async def _forget_contacts(erasure: UnderWay, cipher: FieldCipher) -> None:
    """Deletes what waits to be sent to the person, and how much was. As long as address and numbers can be read."""
    email = await content_repository.email(erasure.database.reader, erasure.user_id)
    if email is None:
        return
    numbers = []
    for factor_id, sealed in await content_repository.phones(erasure.database.reader, erasure.user_id, erasure.batch):
        try:
            numbers.append(cipher.decrypt(sealed, place=Place("second_factors", "sealed", factor_id)))
        except Unreadable as error:  # What was counted for it goes by itself within a day.
            log.warning("a telephone number cannot be read", reason=str(error))
    async with unit_of_work(erasure.database) as work:
        await content_repository.delete_sendings(work, sending.counts_of(cipher, erasure.user_id, numbers))
    await messages.forget(erasure.database, cipher, [email, *numbers])


async def _delete_account(erasure: UnderWay) -> None:
    async with unit_of_work(erasure.database) as work:
        if await erasure.is_mine(work) and await repository.delete_user(work, erasure.user_id):
            audit.record(work, Action.ERASED, subject=Subject("user", erasure.user_id))


async def _finish(erasure: UnderWay) -> None:
    """Takes what tells the person out of the audit log; then nothing is left, not even in the list of erasures."""
    while True:
        async with unit_of_work(erasure.database) as work:
            if not await erasure.is_mine(work):
                return
            if not await audit.forget(work, erasure.user_id):
                await repository.finish(work, erasure.subject_hash)
                return
