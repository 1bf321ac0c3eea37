"""The gate against getting slower: two revisions of the service in turn, on databases of their own.

Judges CPU time a request by the ratio of each round's two neighbouring windows: what the machine does to both cancels.
Waiting costs no CPU time: requests per second are shown for that, and not judged.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from bench import revisions, rounds
from bench.data import Population
from bench.figures import ratio
from bench.report import table
from bench.samples import median
from bench.stand import Contents, all_serving, standing
from bench.targets import By
from bench.works import CACHED_GET, CACHED_LIST, CREATE, GET, HELLO, LIST, LOGIN, Work

LIMIT = 0.15
"""The loss in CPU time a request that fails the comparison."""
REPEATS = 2
"""How often a row is measured again whose loss is in doubt."""

_FEWEST = 3
_WORKS = (HELLO, CACHED_LIST, CACHED_GET, GET, LIST, CREATE, LOGIN)
_HEADS = (
    *("work", "base CPU µs", "candidate CPU µs", "ratio", "lowest", "highest", "rounds", "verdict"),
    *("base requests/s", "candidate requests/s"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One work on both revisions."""

    base: rounds.Line
    candidate: rounds.Line

    @property
    def ratios(self) -> list[float]:
        """CPU time of the candidate by that of the base, round by round."""
        pairs = zip(self.candidate.measurements, self.base.measurements, strict=True)
        return [ratio(By.CPU, candidate, base) for candidate, base in pairs]

    @property
    def loss(self) -> float:
        """What the candidate needs more, as a share; negative where it needs less."""
        return median(self.ratios) - 1

    @property
    def faults(self) -> list[str]:
        """Why it must not be believed."""
        return [f"{line.app.name}: {fault}" for line in (self.base, self.candidate) for fault in line.faults]

    @property
    def is_lost(self) -> bool:
        """True where the loss is over the limit."""
        return not self.loss <= LIMIT

    @property
    def is_doubtful(self) -> bool:
        """True where the loss would fail the comparison, but rounds are few, differ by more than it, or deny it."""
        least, most = min(self.ratios), max(self.ratios)
        is_firm = len(self.ratios) >= _FEWEST and most - least <= self.loss and least > 1 + LIMIT
        return self.is_lost and not is_firm

    @property
    def verdict(self) -> str:
        """What the row says, in two words."""
        if self.faults:
            return "INVALID"
        return f"{self.loss:+.0%} LOST" if self.is_lost else f"{self.loss:+.0%} kept"


def compare(
    base_name: str, candidate_name: str, *, population: Population, pace: rounds.Pace, say: Callable[[str], None]
) -> Sequence[Row]:
    """Measures both revisions; an empty candidate is the working tree. Raises RevisionError, ServerError."""
    with ExitStack() as stack:
        base = stack.enter_context(revisions.checked_out("base", base_name))
        candidate = (
            stack.enter_context(revisions.checked_out("candidate", candidate_name))
            if candidate_name
            else revisions.working_tree("candidate")
        )
        both = (base, candidate)
        for note in filter(None, (revision.note for revision in both)):
            say(note)
        contents = {each.role: Contents(population=population, schema=each.schema) for each in both}
        stand = stack.enter_context(standing(contents, say=say))
        apps = (base.app, candidate.app)
        servers = stack.enter_context(all_serving(stand, apps))

        def measured(works: Sequence[Work]) -> list[rounds.Line]:
            ours = [replace(work, apps=apps) for work in works]
            return rounds.run(stand, servers, ours, pace=pace, say=say)

        return _settled(list(_rows(measured(_WORKS))), measured, say)


def render(rows: Sequence[Row]) -> str:
    """The table, and below it why a row is invalid."""
    lines = table(_HEADS, [_cells(row) for row in rows], texts={"work", "verdict"})
    return "\n".join([*lines, *(f"- {row.base.work.name}, {fault}" for row in rows for fault in row.faults)])


def _settled(
    rows: list[Row], measured: Callable[[Sequence[Work]], list[rounds.Line]], say: Callable[[str], None]
) -> list[Row]:
    """The rows, those in doubt measured again: what is judged then is the median of all rounds."""
    for _ in range(REPEATS):
        doubtful = [row for row in rows if row.is_doubtful and not row.faults]
        if not doubtful:
            break
        say(f"in doubt, measured again: {', '.join(row.base.work.name for row in doubtful)}")
        again = _rows(measured([row.base.work for row in doubtful]))
        for row, more in zip(doubtful, again, strict=True):
            row.base.measurements.extend(more.base.measurements)
            row.candidate.measurements.extend(more.candidate.measurements)
    return rows


def _rows(lines: Sequence[rounds.Line]) -> Iterator[Row]:
    """Lines come in pairs, the base first."""
    for base, candidate in zip(lines[::2], lines[1::2], strict=True):
        yield Row(base, candidate)


def _cells(row: Row) -> list[str]:
    return [
        row.base.work.name,
        f"{row.base.server_us:,.0f}",
        f"{row.candidate.server_us:,.0f}",
        f"{median(row.ratios):.2f}",
        f"{min(row.ratios):.2f}",
        f"{max(row.ratios):.2f}",
        str(len(row.ratios)),
        row.verdict,
        f"{row.base.requests_per_second:,.0f}",
        f"{row.candidate.requests_per_second:,.0f}",
    ]
