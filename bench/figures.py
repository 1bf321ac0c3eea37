"""Single numbers with their spread and what they should be, and those that follow from the measured lines."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench import targets
from bench.apps import ASGI_HELLO_IN_STACK, ASGI_HELLO_ON_OUR_HTTP
from bench.rounds import Line, Measurement
from bench.samples import median, spread
from bench.targets import By
from bench.works import HELLO


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number with its unit, how far its rounds differ, and what it should be."""

    name: str
    values: Sequence[float]
    unit: str
    bounds: targets.Bounds | None = None
    faults: Sequence[str] = field(default=())

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return median(self.values)

    @property
    def spread(self) -> float:
        """Of the rounds, as a share of their median."""
        return spread(self.values)


def comparisons(lines: Sequence[Line]) -> Iterator[Figure]:
    """The ratios that are asked for, round by round; those to an application that did not run are left out."""
    measured = _by_names(lines)
    for comparison in targets.COMPARISONS:
        ours, theirs = (measured.get((work.name, app.name)) for work, app in (comparison.ours, comparison.theirs))
        if ours is None or theirs is None:
            continue
        yield Figure(
            name=comparison.name,
            values=[
                ratio(comparison.by, mine, other)
                for mine, other in zip(ours.measurements, theirs.measurements, strict=True)
            ],
            unit="x",
            bounds=comparison.bounds,
            faults=[*ours.faults, *theirs.faults],
        )


def middleware(lines: Sequence[Line]) -> Figure:
    """What all middleware together cost: the bare hello inside it, less the bare hello, by rounds."""
    measured = _by_names(lines)
    inside, bare = (measured[HELLO.name, app.name] for app in (ASGI_HELLO_IN_STACK, ASGI_HELLO_ON_OUR_HTTP))
    return Figure(
        name="all middleware together, CPU time a request",
        values=[
            dear.server_us - cheap.server_us for dear, cheap in zip(inside.measurements, bare.measurements, strict=True)
        ],
        unit="µs",
        bounds=targets.MIDDLEWARE_US,
        faults=[*inside.faults, *bare.faults],
    )


def ratio(by: By, ours: Measurement, theirs: Measurement) -> float:
    """How many times better or dearer ours is; NaN where nothing was measured."""
    match by:
        case By.RATE:
            return _quotient(ours.result.requests_per_second, theirs.result.requests_per_second)
        case By.EFFICIENCY:
            return _quotient(theirs.server_us, ours.server_us)
        case By.CPU:
            return _quotient(ours.server_us, theirs.server_us)
        case By.ALL_CPU:
            return _quotient(ours.server_us + ours.postgres_us, theirs.server_us + theirs.postgres_us)
        case By.LATENCY:
            return _quotient(ours.result.p50_ms, theirs.result.p50_ms)


def _by_names(lines: Sequence[Line]) -> Mapping[tuple[str, str], Line]:
    return {(line.work.name, line.app.name): line for line in lines}


def _quotient(dividend: float, divisor: float) -> float:
    return dividend / divisor if divisor else math.nan
