"""Builds archives: the worker's part. One state of the database, read in pages, packed and stored piece by piece.

Whoever dies in the middle leaves an export whose lease ends; the next worker begins anew, since the state that the
first one read is gone with it. A worker that was only slow finds out when it stores its next piece, and stops.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from app.database.executor import Database, Reader, Transaction
from app.database.snapshot import snapshot
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.exports import contents_repository, repository
from app.domain.exports.archive import ArchiveWriter, Index
from app.domain.exports.contents import FILES, File
from app.domain.exports.contents_repository import WALKS
from app.domain.exports.export import ATTEMPTS_MAXIMUM, CHUNK_BYTES, Claimed
from app.domain.exports.lines import Person, line_of, phone_of
from app.domain.exports.walk_repository import Row
from app.domain.ids import UserId
from app.domain.notices import Notice, tell
from app.domain.personal_data import PERSONAL_DATA
from app.domain.text import fold
from app.domain.unit_of_work import unit_of_work
from app.domain.users import repository as users_repository
from app.field_encryption import FieldCipher, Place
from app.telemetry.logging import get_logger

PAGE = 200
# Of an attempt in all: it takes a connection, and holds vacuum back.
ATTEMPT_SECONDS = 900.0
# Several times what lies between two signs of life.
LEASE = timedelta(seconds=120)
SIGN_OF_LIFE_SECONDS = 20.0
PAUSE = timedelta(seconds=30)
TABLE = "export_chunks"

log = get_logger(__name__)


class Overtaken(Exception):
    """The lease has ended meanwhile: another worker has the export, or it is gone with its owner."""


async def build_due(database: Database, cipher: FieldCipher, *, kept: timedelta, page_size: int = PAGE) -> int:
    """Builds the exports that wait, one after another, until none does; how many attempts were made.

    Archives are kept for `kept`. An export that has been begun too often, or whose owner was let out, is given up.
    """
    attempts = 0
    while True:
        async with unit_of_work(database) as work:
            claimed = await repository.claim(work, lease=LEASE)
        if claimed is None:
            return attempts
        attempts += 1
        if claimed.attempts > ATTEMPTS_MAXIMUM or not claimed.may_be_built:
            await _give_up(database, cipher, claimed)
        else:
            await _attempt(database, cipher, claimed, kept=kept, page_size=page_size)


async def _attempt(
    database: Database, cipher: FieldCipher, claimed: Claimed, *, kept: timedelta, page_size: int
) -> None:
    """Builds one archive, or leaves the export for another attempt. What goes wrong with one never stops the others."""
    facts = {"export_id": str(claimed.id), "attempts": claimed.attempts}
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            size_bytes = await _build(database, cipher, claimed, page_size=page_size)
            await _finish(database, cipher, claimed, size_bytes=size_bytes, kept=kept)
    except Overtaken:
        log.warning("export overtaken", **facts)
    except Exception:
        log.exception("export not built", **facts)
        async with unit_of_work(database) as work:
            await repository.hold(work, claimed, lease=PAUSE)
    else:
        log.info("export built", **facts, size_bytes=size_bytes)


async def _build(database: Database, cipher: FieldCipher, claimed: Claimed, *, page_size: int) -> int:
    """Stores the whole archive; its size. Raises Overtaken."""
    store = _Store(database, cipher, claimed)
    archive = ArchiveWriter(claimed.created_at)
    entries = []
    async with snapshot(database) as reader:
        person = await _person(reader, cipher, claimed.user_id)
        for file in FILES:
            archive.begin(file)
            async for rows in _pages(reader, file, person, page_size):
                lines = _lines(file, rows, person, cipher)
                await asyncio.to_thread(archive.add, lines)  # Packing takes time, and messages wait for nobody.
                await store.add(archive.take(CHUNK_BYTES))
            entries.append(archive.end(file))
    archive.close(
        Index(
            export_id=claimed.id,
            user_id=claimed.user_id,
            created_at=claimed.created_at,
            files=entries,
            left_out={table: held.left_out for table, held in PERSONAL_DATA.items() if held.file is None},
            withheld={table: dict(held.withheld) for table, held in PERSONAL_DATA.items() if held.withheld},
        )
    )
    await store.add(archive.take(CHUNK_BYTES, is_last=True))
    return store.size_bytes


async def _person(reader: Reader, cipher: FieldCipher, user_id: UserId) -> Person:
    addresses = await contents_repository.addresses(reader, user_id)
    phones = await contents_repository.phones(reader, user_id)
    numbers = [phone_of(cipher, phone.factor_id, phone.sealed) for phone in phones]
    return Person(user_id, frozenset([*map(fold, addresses), *filter(None, numbers)]))


async def _pages(reader: Reader, file: File, person: Person, page_size: int) -> AsyncIterator[list[Row]]:
    for walk in WALKS[file.name]:
        after: Row | None = None
        while True:
            rows = await walk.page(reader, person.user_id, after, limit=page_size)
            yield rows
            if len(rows) < page_size:
                break
            after = rows[-1]


def _lines(file: File, rows: list[Row], person: Person, cipher: FieldCipher) -> list[dict[str, Any]]:
    lines = (line_of(file.name, row.members, person, cipher) for row in rows)
    return [line for line in lines if line is not None]


class _Store:
    """The pieces of one archive on their way into the database, each a unit of work and a sign of life."""

    def __init__(self, database: Database, cipher: FieldCipher, claimed: Claimed) -> None:
        self.size_bytes = 0
        self._database = database
        self._cipher = cipher
        self._claimed = claimed
        self._number = 0
        self._alive_at = time.monotonic()

    async def add(self, pieces: list[bytes]) -> None:
        """Stores pieces; without any, says now and then that work goes on. Raises Overtaken."""
        for piece in pieces:
            place = Place.of_row(TABLE, "sealed", (self._claimed.id, self._number))
            async with unit_of_work(self._database) as work:
                if not await repository.hold(work, self._claimed, lease=LEASE):
                    raise Overtaken
                sealed = self._cipher.encrypt_bytes(piece, place=place)
                await repository.add_chunk(work, self._claimed.id, self._number, sealed)
            self._number += 1
            self.size_bytes += len(piece)
            self._alive_at = time.monotonic()
        if time.monotonic() - self._alive_at > SIGN_OF_LIFE_SECONDS:
            async with unit_of_work(self._database) as work:
                if not await repository.hold(work, self._claimed, lease=LEASE):
                    raise Overtaken
            self._alive_at = time.monotonic()


async def _finish(
    database: Database, cipher: FieldCipher, claimed: Claimed, *, size_bytes: int, kept: timedelta
) -> None:
    async with unit_of_work(database) as work:
        if not await repository.finish(work, claimed, size_bytes=size_bytes, kept=kept):
            raise Overtaken
        _record(work, Action.EXPORT_BUILT, claimed)
        await _tell(work, cipher, Notice.EXPORT_READY, claimed)


async def _give_up(database: Database, cipher: FieldCipher, claimed: Claimed) -> None:
    log.error("export given up", export_id=str(claimed.id), may_be_built=claimed.may_be_built)
    async with unit_of_work(database) as work:
        if not await repository.give_up(work, claimed):
            return
        _record(work, Action.EXPORT_GIVEN_UP, claimed)
        if claimed.may_be_built:
            await _tell(work, cipher, Notice.EXPORT_FAILED, claimed)


def _record(work: Transaction, action: Action, claimed: Claimed) -> None:
    subject = Subject("user", claimed.user_id)
    audit.record(work, action, subject=subject, changed={"export_id": (None, claimed.id)})


async def _tell(work: Transaction, cipher: FieldCipher, notice: Notice, claimed: Claimed) -> None:
    user = await users_repository.by_id(work, claimed.user_id)
    if user is not None:
        await tell(work, cipher, notice, to=user.email)
