"""Gives what is stored the current keys, while everything goes on.

Rows are replaced one by one if nobody has changed them since they were read, so a writer never loses and nothing is
locked for longer than a batch takes. Cut off at any point, it goes on with what is left when it is run again.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.database.executor import Database
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.encryption import repository
from app.domain.encryption.repository import Stored
from app.domain.encryption.tables import ENCRYPTED, EncryptedColumn
from app.domain.unit_of_work import unit_of_work
from app.field_encryption import FieldCipher, LostKey, Place, SealBroken

BATCH = 200
# What was written meanwhile is found by another round.
ROUNDS = 5


@dataclass
class Rotated:
    """What became of one column: values `replaced`, `overtaken` by writers in the last round, and those left behind."""

    name: str
    replaced: int = 0
    overtaken: int = 0
    needing: Counter[str] = field(default_factory=Counter)  # values by the id of the key that is missing
    broken: list[str] = field(default_factory=list)  # primary keys

    @property
    def is_complete(self) -> bool:
        """True if every value now has the current keys."""
        return not (self.overtaken or self.needing or self.broken)


async def rotate(
    database: Database,
    cipher: FieldCipher,
    *,
    columns: Sequence[EncryptedColumn] = ENCRYPTED,
    report: Callable[[Rotated], None] = lambda _progress: None,
) -> list[Rotated]:
    """Encrypts again what another key than the current one has encrypted; `report` is called after each batch.

    What cannot be opened stays as it is and is counted. Reads every value once, 200 at a time.
    """
    results = []
    for encrypted in columns:
        progress = Rotated(encrypted.name)
        for _ in range(ROUNDS):
            await _round(database, cipher, encrypted, progress, report)
            if not progress.overtaken:
                break
        results.append(progress)
    return results


async def _round(
    database: Database,
    cipher: FieldCipher,
    encrypted: EncryptedColumn,
    progress: Rotated,
    report: Callable[[Rotated], None],
) -> None:
    """Goes through all values of a column once."""
    progress.overtaken = 0
    progress.needing.clear()
    progress.broken.clear()
    after: tuple[Any, ...] | None = None
    while True:
        stored = await repository.page_of_values(database.reader, encrypted, after, limit=BATCH)
        outdated = [value for value in stored if not _is_current(cipher, value)]
        if outdated:
            await _replace(database, cipher, encrypted, outdated, progress)
            report(progress)
        if len(stored) < BATCH:
            return
        after = stored[-1].key


async def _replace(
    database: Database,
    cipher: FieldCipher,
    encrypted: EncryptedColumn,
    outdated: list[Stored],
    progress: Rotated,
) -> None:
    before = progress.replaced
    async with unit_of_work(database) as work:
        for stored in outdated:
            place = Place.of_row(encrypted.table, encrypted.column.name, stored.key)
            try:
                data = cipher.decrypt_bytes(stored.sealed, place=place)
            except LostKey as lost:
                progress.needing[lost.key_id] += 1
                continue
            except SealBroken:
                progress.broken.append(str(place.row_id))
                continue
            # Only texts have an index.
            reindexed = None if encrypted.index is None else cipher.blind_index(data.decode(), purpose=encrypted.name)
            is_replaced = await repository.replace(
                work,
                encrypted,
                stored,
                resealed=cipher.encrypt_bytes(data, place=place),
                reindexed=reindexed,
            )
            progress.replaced += is_replaced
            progress.overtaken += not is_replaced
        if replaced := progress.replaced - before:
            subject = Subject("column", encrypted.name)
            audit.record(work, Action.KEYS_ROTATED, subject=subject, changed={"values": (None, replaced)})


def _is_current(cipher: FieldCipher, stored: Stored) -> bool:
    return cipher.is_current(stored.sealed) and (stored.index is None or cipher.is_current_index(stored.index))
