"""Whether the log is what was written: every chain of every month, row by row, up to its head.

Proves it against whoever can change rows. Who owns the database could write a whole chain anew, heads included: what
tells then is a list of heads that was kept elsewhere before, and `against` it the chains are held as well.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct, field
from msgspec.structs import replace

from app.database.executor import Database, Reader
from app.domain.audit import chain_repository as repository
from app.domain.audit.chain import Link, hash_of, seal_of, start_of
from app.domain.audit.chain_repository import Head, Place
from app.domain.audit.dropping import is_dropped_with_reason
from app.telemetry.logging import get_logger

log = get_logger(__name__)

BATCH = 2000


class Fault(StrEnum):
    """What is wrong where a chain breaks."""

    EDITED = "edited"  # it is not what was written there
    MOVED = "moved"  # it was written at another place of its chain
    REMOVED = "removed"
    ADDED = "added"  # it was not written in the ordinary way
    FORGOTTEN = "forgotten without a reason"
    DROPPED = "dropped without a reason"
    ASTRAY = "of a time that no entry can be of"
    REPLACED = "replaced since the heads were listed"


class Break(Struct, frozen=True):
    """The first row of a chain that does not hold, by its number there; `id` and `at` if there is such a row.

    A row that is in no month has no place, and its number means nothing.
    """

    place: Place | None
    number: int
    fault: Fault
    id: UUID | None = None
    at: datetime | None = None


class Report(Struct):
    """What was found: rows that hold, those among them that were forgotten, chains, and what is broken."""

    rows: int = 0
    forgotten: int = 0
    chains: int = 0
    breaks: list[Break] = field(default_factory=list)


class Mark(Struct, frozen=True):
    """How far a chain went when somebody looked: the number of its last row, and its hash."""

    number: int
    hash: bytes


Marks = Mapping[Place, Mark]


def head_line(place: Place, mark: Mark) -> str:
    """Where a chain ends, as one line of text: month, chain, number of its last row, hash."""
    return f"{place.month:%Y-%m} {place.chain} {mark.number} {mark.hash.hex()}"


async def marks(reader: Reader) -> dict[Place, Mark]:
    """Where every chain ends now, for keeping elsewhere. One statement."""
    return {place: Mark(head.number, head.hash) for place, head in (await repository.heads(reader)).items()}


async def witness(database: Database) -> int:
    """Writes where every chain ends into the log of the service, which is kept elsewhere; how many there are."""
    found = await marks(database.reader)
    log.info("audit heads", heads=[head_line(place, mark) for place, mark in sorted(found.items())])
    return len(found)


async def verify(reader: Reader, *, month: date | None = None, against: Marks | None = None) -> Report:
    """Goes through the whole log, or one month (its first day). `against` are marks of an earlier time.

    Reads each row once, in statements of 2,000. Nothing is locked; what is written meanwhile is in order, too.
    """
    known = against or {}
    report = Report()
    if month is None and (astray := await repository.astray(reader)) is not None:
        report.breaks.append(Break(None, 0, Fault.ASTRAY, astray))
    reasons: dict[UUID, str | None] = {}
    places = {*await repository.heads(reader), *await repository.places(reader), *known}
    for place in sorted(place for place in places if month is None or place.month == month):
        walk = await _walked(reader, place, known.get(place), reasons)
        report.chains += 1
        report.rows += walk.rows
        report.forgotten += walk.forgotten
        if walk.broken is not None:
            report.breaks.append(walk.broken)
    return report


async def _walked(reader: Reader, place: Place, mark: Mark | None, reasons: dict[UUID, str | None]) -> "_Walk":
    """A walk along one chain; another one if its month was dropped under the feet of the first."""
    while True:
        head = await repository.head(reader, place)
        walk = _Walk(reader, place, head, mark, reasons)
        walk.broken = await walk.first_break()
        if walk.broken is None or _dropped(await repository.head(reader, place)) == _dropped(head):
            return walk


def _dropped(head: Head | None) -> int:
    return 0 if head is None else head.dropped_number


class _Walk:
    """One way along a chain, from where it begins to its end. `head` was read before, so its row is there by now.

    `reasons` are kept from one walk to the next: whom the entries that rows were forgotten for are about.
    """

    def __init__(
        self, reader: Reader, place: Place, head: Head | None, mark: Mark | None, reasons: dict[UUID, str | None]
    ) -> None:
        self._reader = reader
        self._place = place
        self._head = head
        self._mark = mark
        self._reasons = reasons
        self.rows = 0
        self.forgotten = 0
        self.broken: Break | None = None

    async def first_break(self) -> Break | None:
        """The first row that does not hold; None if all do."""
        start = start_of(*self._place)
        number, previous = 0, start
        if self._head is not None:
            number, previous = self._head.dropped_number, self._head.dropped_hash
            if number > 0 and not await is_dropped_with_reason(self._reader, self._place, number):
                return Break(self._place, 1, Fault.DROPPED)
        if number == 0 and previous != start:
            return Break(self._place, 0, Fault.EDITED)
        if (broken := self._compared(number, previous)) is not None:
            return broken
        async for link in self._links(after=number):
            if (broken := await self._judged(link, number, previous)) is not None:
                return broken
            number, previous = link.number, link.hash
            self.rows += 1
            self.forgotten += link.salt is None
        return await self._judged_end(number)

    async def _links(self, *, after: int) -> AsyncIterator[Link]:
        after_id: UUID | None = None
        while True:
            batch = await repository.links(self._reader, self._place, after=after, after_id=after_id, limit=BATCH)
            for link in batch:
                yield link
            if len(batch) < BATCH:
                return
            after, after_id = batch[-1].number, batch[-1].id

    async def _judged(self, link: Link, number: int, previous: bytes) -> Break | None:
        """What is wrong with `link`, which stands after `number`, whose hash is `previous`."""
        if self._head is None or link.number <= number:
            return self._at(link, Fault.ADDED)
        if link.number > number + 1:
            return Break(self._place, number + 1, Fault.REMOVED)
        if hash_of(previous, link) != link.hash:
            return self._at(link, Fault.MOVED if await self._is_from_elsewhere(link) else Fault.EDITED)
        if link.salt is None:
            if not await self._is_forgotten_with_reason(link):
                return self._at(link, Fault.FORGOTTEN)
        elif seal_of(link.salt, link.address, link.changed) != link.seal:
            return self._at(link, Fault.EDITED)
        return self._compared(link.number, link.hash)

    async def _judged_end(self, number: int) -> Break | None:
        """What is wrong behind `number`, the last row that is there."""
        ends = [mark.number for mark in (self._head, self._mark) if mark is not None]
        if any(end > number for end in ends):
            return Break(self._place, number + 1, Fault.REMOVED)
        # Whatever was written since the head was read has moved it on by now.
        head = await repository.head(self._reader, self._place)
        if head is not None and number > head.number:
            return Break(self._place, head.number + 1, Fault.ADDED)
        return None

    def _compared(self, number: int, found: bytes) -> Break | None:
        """What the head and the mark have to say about the row with this number."""
        if self._head is not None and number == self._head.number and found != self._head.hash:
            return Break(self._place, number, Fault.EDITED)
        if self._mark is not None and number == self._mark.number and found != self._mark.hash:
            return Break(self._place, number, Fault.REPLACED)
        return None

    async def _is_from_elsewhere(self, link: Link) -> bool:
        """True if its hash is right after another row: exchanged rows keep theirs, edited ones fit nowhere."""
        return any(
            hash_of(found, replace(link, number=place)) == link.hash
            for number, found in [(0, start_of(*self._place)), *await repository.hashes(self._reader, self._place)]
            for place in (number, number + 1)
        )

    async def _is_forgotten_with_reason(self, link: Link) -> bool:
        if link.address is not None or link.changed is not None or link.forgotten_by is None:
            return False
        person = self._reasons.get(link.forgotten_by) or await repository.forgotten_by(self._reader, link.forgotten_by)
        self._reasons[link.forgotten_by] = person
        about = link.subject_id if link.subject_kind == "user" else None
        return person is not None and person in {str(link.actor_id), about}

    def _at(self, link: Link, fault: Fault) -> Break:
        return Break(self._place, link.number, fault, link.id, link.at)
