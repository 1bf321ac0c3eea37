"""`todo audit`: says whether the log is what was written, and prints where its chains end, for keeping elsewhere.

Knows how it looks on a terminal and in a file; what is proved is in app.domain.audit.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable
from datetime import date
from pathlib import Path
from typing import TypeVar

from app.database.executor import Database, Reader
from app.domain.audit import verification
from app.domain.audit.chain_repository import Place
from app.domain.audit.verification import Break, Mark, Report, head_line
from app.settings import Settings

T = TypeVar("T")


class HeadsUnreadable(Exception):
    """The file is not a list of heads; the message says which line is wrong."""


def heads(settings: Settings) -> int:
    """Prints a line for each chain: month, chain, number of its last row, hash. Keep them where the database is not."""
    found = asyncio.run(_with_reader(settings, verification.marks))
    for place, mark in sorted(found.items()):
        print(head_line(place, mark))
    return 0


def verify(settings: Settings, *, month: date | None, against: Path | None) -> int:
    """Goes through the log, or one month of it, and prints what does not hold; the exit status is 1 if anything.

    `against` is a file of heads; "-" is standard input. Raises HeadsUnreadable.
    """
    marks = None if against is None else read_heads(_lines(against))
    report = asyncio.run(_with_reader(settings, lambda reader: verification.verify(reader, month=month, against=marks)))
    for broken in report.breaks:
        print(sentence(broken))
    print(summary(report))
    return int(bool(report.breaks))


def sentence(broken: Break) -> str:
    """One break in words."""
    place, number = broken.place, broken.number
    if place is None:
        return f"FAIL  {broken.id}: {broken.fault}."
    where = f"{place.month:%Y-%m}, chain {place.chain}: row {number}"
    if broken.id is None or broken.at is None:
        return f"FAIL  {where}: {broken.fault}."
    return f"FAIL  {where} ({broken.id}, {broken.at:%Y-%m-%d %H:%M:%S.%f}Z): {broken.fault}."


def summary(report: Report) -> str:
    """The counts, in one line."""
    forgotten = f", {report.forgotten} of them forgotten" if report.forgotten else ""
    verdict = f"{len(report.breaks)} chains are broken" if report.breaks else "all hold"
    return f"{report.rows} rows in {report.chains} chains{forgotten}: {verdict}."


def read_heads(lines: Iterable[str]) -> dict[Place, Mark]:
    """What `heads` printed; of several lines about one chain, the last. Raises HeadsUnreadable."""
    marks: dict[Place, Mark] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            month, chain, count, digest = line.split()
            place = Place(date.fromisoformat(f"{month}-01"), int(chain))
            marks[place] = Mark(int(count), bytes.fromhex(digest))
        except ValueError:
            raise HeadsUnreadable(f"line {number} is not what `todo audit heads` prints") from None
    return marks


def _lines(path: Path) -> list[str]:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HeadsUnreadable(f"{path} cannot be read ({type(error).__name__})") from error
    return text.splitlines()


async def _with_reader(settings: Settings, question: Callable[[Reader], Awaitable[T]]) -> T:
    # A plan for any month and any place in a chain would sort the whole month for each stretch of it.
    database = Database(settings.database, application_name="todo-audit", generic_plans=False)
    try:
        return await question(database.reader)
    finally:
        await database.close()
