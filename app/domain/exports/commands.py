"""Asking for an archive of everything about oneself, and fetching it. Both take fresh proof: it is all in one place."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial

from app.database.executor import Database, Reader
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.errors import Conflict, Gone, NotAuthenticated, NotFound, TooManyAttempts
from app.domain.exports import repository
from app.domain.exports.building import TABLE
from app.domain.exports.export import DAILY_MAXIMUM, DAY, Archive, Export, Status
from app.domain.identity.step_up import require_fresh
from app.domain.ids import ExportId
from app.domain.unit_of_work import in_batches, unit_of_work
from app.domain.users import repository as users_repository
from app.domain.users.caller import Caller
from app.field_encryption import FieldCipher, Place

# Of an export that is over, so that its owner learns what became of it.
KEPT = timedelta(days=30)
# Pieces are of 64 KB.
PURGE_BATCH = 200


async def ask(database: Database, caller: Caller) -> Export:
    """Has the worker build an archive for the caller; the one that is under way already, if there is one.

    Raises NotAllowed (SESSION_REQUIRED), NotAuthenticated (STEP_UP_REQUIRED, SESSION_ENDED), and TooManyAttempts
    (TOO_MANY_EXPORTS) for the sixth within 24 hours, however many are asked for at the same time.
    """
    async with unit_of_work(database) as work:
        # Their exports are counted and made one after another, and none is made once they are let out or logged out.
        user = (await users_repository.lock(work, caller.user_id)).get(caller.user_id)
        await require_fresh(work, caller)
        if user is None or not user.is_active:
            raise NotAuthenticated("The session of this token has ended; log in again.", code="SESSION_ENDED")
        under_way = await repository.unfinished(work, user.id)
        if under_way is not None:
            return under_way
        await _require_room(work, caller)
        asked = await repository.insert_export(work, user.id)
        if asked is None:
            raise RuntimeError("somebody made an export without the lock on its user")
        audit.record(work, Action.EXPORT_ASKED, actor=user.id, subject=Subject("export", asked.id))
        return asked


async def open_archive(database: Database, cipher: FieldCipher, caller: Caller, export_id: ExportId) -> Archive:
    """The archive of one of the caller's exports, to be read piece by piece. The log says that it was fetched.

    Raises as `ask` while nothing has been looked for, then NotFound, Conflict (EXPORT_NOT_READY, EXPORT_FAILED) and
    Gone (EXPORT_EXPIRED). The pieces raise Unreadable, and ArchiveGone if it is deleted while it is sent.
    """
    async with unit_of_work(database) as work:
        await require_fresh(work, caller)
        export = await repository.one(work, caller.user_id, export_id)
        if export is None:
            raise NotFound("export", export_id)
        size_bytes = _size_of_ready(export)
        audit.record(work, Action.EXPORT_FETCHED, actor=caller.user_id, subject=Subject("export", export_id))
    pieces = _pieces(database.reader, cipher, export_id, size_bytes)
    return Archive(export_id, export.created_at, size_bytes, pieces)


class ArchiveGone(Exception):
    """The archive was deleted while it was sent: what was sent of it is not whole."""


async def purge(database: Database) -> int:
    """Deletes archives that have expired, 200 pieces at a time, and exports that ended 30 days ago; how many rows."""
    pieces = await in_batches(database, repository.purge_chunks, PURGE_BATCH)
    return pieces + await in_batches(database, partial(repository.purge, kept=KEPT), PURGE_BATCH)


async def _require_room(work: Reader, caller: Caller) -> None:
    of_late = await repository.of_late(work, caller.user_id, within=DAY)
    if of_late.number < DAILY_MAXIMUM or of_late.first_at is None:
        return
    wait = of_late.first_at + DAY - datetime.now(UTC)
    raise TooManyAttempts(
        f"You have asked for {DAILY_MAXIMUM} exports within 24 hours; wait, then ask again.",
        code="TOO_MANY_EXPORTS",
        retry_after_seconds=max(int(wait.total_seconds()) + 1, 1),
    )


def _size_of_ready(export: Export) -> int:
    match export.status:
        case Status.READY if export.size_bytes is not None:
            return export.size_bytes
        case Status.EXPIRED:
            raise Gone("The archive has expired and was deleted; ask for another export.", code="EXPORT_EXPIRED")
        case Status.FAILED:
            raise Conflict("The archive could not be built; ask for another export.", code="EXPORT_FAILED")
        case _:
            raise Conflict("The archive is not ready yet; look at the export again later.", code="EXPORT_NOT_READY")


async def _pieces(reader: Reader, cipher: FieldCipher, export_id: ExportId, size_bytes: int) -> AsyncIterator[bytes]:
    """The archive in order; one statement for each 64 KB, and no connection in between: clients may be slow."""
    number = sent_bytes = 0
    while sent_bytes < size_bytes:
        sealed = await repository.chunk(reader, export_id, number)
        if sealed is None:
            raise ArchiveGone(f"piece {number} of the export {export_id}")
        piece = cipher.decrypt_bytes(sealed, place=Place.of_row(TABLE, "sealed", (export_id, number)))
        yield piece
        number += 1
        sent_bytes += len(piece)
