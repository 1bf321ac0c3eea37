"""The report: the goals and what is reached, all works and applications, and the conditions that they hold under."""

import math
import os
import platform
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench import node
from bench.apps import SERVICE
from bench.chart import draw
from bench.data import Population
from bench.figures import Figure
from bench.places import REPORTS
from bench.processes import CAN_PIN
from bench.rounds import QUIET, Line, Pace
from bench.samples import median
from bench.stand import POOL

_PACKAGES = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "asyncpg", "sqlalchemy", "msgspec", "pydantic")
_LINE_HEADS = (
    *("work", "application", "requests/s", "spread", "p50 ms", "p99 ms", "CPU µs/request"),
    *("Postgres µs/request", "Redis µs/request", "server cores busy", "memory MB"),
    *("ours by requests/s", "ours by CPU"),
)
_FIGURE_HEADS = ("figure", "median", "unit", "spread", "must / aim", "verdict")
_TEXTS = frozenset({"work", "application", "figure", "unit", "must / aim", "verdict"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What the figures depend on."""

    command: str
    population: Population
    pace: Pace
    postgres_version: str
    left_out: Sequence[str] = ()
    """Applications that did not take part, each with the reason."""


def render(conditions: Conditions, lines: Sequence[Line], figures: Sequence[Figure]) -> str:
    """The whole report as Markdown that also reads well in a terminal."""
    faults = list(_faults(lines, figures))
    verdict = ["**This run is invalid.**", "", *faults, ""] if faults else []
    others = [each.others_busy for line in lines for each in line.measurements]
    if median(others) > QUIET:
        verdict += ["**The machine was not quiet: these figures say little.**", ""]
    return "\n".join(
        [
            f"# Benchmark of {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "",
            *verdict,
            *_conditions(conditions),
            f"- Others took {median(others):.0%} of the machine in the median window, {max(others):.0%} at most.",
            "",
            "## Goals",
            "",
            *table(_FIGURE_HEADS, [_figure(figure) for figure in figures]),
            "",
            "## Lines",
            "",
            *table(_LINE_HEADS, [_line(line, lines) for line in lines]),
            "",
        ]
    )


def is_valid(lines: Sequence[Line], figures: Sequence[Figure]) -> bool:
    """True if every request of every round was answered with a 2xx."""
    return not any(_faults(lines, figures))


def save(text: str, lines: Sequence[Line]) -> Path:
    """Writes the report and its chart into the reports folder, under the date and time; returns the report's path."""
    REPORTS.mkdir(exist_ok=True)
    path = REPORTS / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}.md"
    chart = path.with_suffix(".svg")
    chart.write_text(draw(lines), encoding="utf-8")
    path.write_text(f"{text}\n![CPU time a request]({chart.name})\n", encoding="utf-8")
    return path


def _faults(lines: Sequence[Line], figures: Sequence[Figure]) -> Iterator[str]:
    for line in lines:
        yield from (f"- {line.work.name}, {line.app.name}: {fault}" for fault in line.faults)
    for figure in figures:
        yield from (f"- {figure.name}: {fault}" for fault in figure.faults)


def _line(line: Line, lines: Sequence[Line]) -> list[str]:
    ours = next(other for other in lines if other.work is line.work and other.app is SERVICE)
    ratios = ["", ""]
    if line is not ours:
        by_rate = _quotient(ours.requests_per_second, line.requests_per_second)
        by_cpu = _quotient(line.server_us, ours.server_us)
        invalid = line.faults or ours.faults
        ratios = ["invalid" if invalid else f"{value:.2f}x" for value in (by_rate, by_cpu)]
    return [
        line.work.name,
        line.app.name,
        f"{line.requests_per_second:,.0f}",
        f"{line.spread:.0%}",
        f"{line.median(lambda each: each.result.p50_ms):.2f}",
        f"{line.median(lambda each: each.result.p99_ms):.2f}",
        f"{line.server_us:,.0f}",
        f"{line.median(lambda each: each.postgres_us):,.0f}",
        f"{line.median(lambda each: each.redis_us):,.1f}",
        f"{line.median(lambda each: each.server_cores_busy):.2f}",
        f"{line.median(lambda each: each.server_bytes) / 1e6:,.0f}",
        *ratios,
    ]


def _quotient(dividend: float, divisor: float) -> float:
    """NaN where nothing was measured."""
    return dividend / divisor if divisor else math.nan


def _figure(figure: Figure) -> list[str]:
    verdict = figure.bounds.verdict(figure.value) if figure.bounds else ""
    return [
        figure.name,
        f"{figure.value:,.2f}",
        figure.unit,
        "" if math.isnan(figure.spread) or len(figure.values) == 1 else f"{figure.spread:.0%}",
        str(figure.bounds) if figure.bounds else "",
        "invalid" if figure.faults else verdict,
    ]


def _conditions(conditions: Conditions) -> list[str]:
    pace, population = conditions.pace, conditions.population
    pinning = (
        "The server has core 0 to itself; load generator, PostgreSQL and Valkey share core 1. For login, and with"
        " several workers, the server may use all cores, and shares core 1 with them: those requests/s are too low."
        if CAN_PIN
        else "This system cannot pin processes to cores: server, load generator and database compete for them."
    )
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    rest = f"left out: {'; '.join(conditions.left_out)}" if conditions.left_out else node.version()
    sentences = (
        f"Command: `{conditions.command}`; commit {_commit()}.",
        f"Machine: {platform.system()} {platform.release()}, {_processor()}, {os.cpu_count()} cores.",
        f"CPython {sys.version}, PostgreSQL {conditions.postgres_version} with fsync.",
        f"Libraries: {packages}; {rest}.",
        (
            f"{population.todos:,} todos: {population.deep_todos:,} of one user, the others of {population.users:,},"
            f" some of whose requests are measured; {population.bystanders:,} users have none."
        ),
        (
            f"{pace.rounds} rounds of {pace.seconds:g} s after {pace.warmup_seconds:g} s of warm-up, in alternating"
            " order; medians, with largest minus smallest as the spread."
        ),
        f"One worker unless said otherwise, {POOL} database connections each. {pinning}",
        (
            "A server that keeps less than a core busy waits for load generator and database: then its requests/s say"
            " little, and its CPU time is the figure to read."
        ),
        (
            f"{SERVICE.name.capitalize()} runs in production mode with everything on: authentication and session check,"
            " headers, limits, log lines, validation. Its hello is /health/live, which it does not log."
        ),
        (
            "Uncached requests carry `Cache-Control: no-cache`, whichever application they go to; cached ones are the"
            " same without it, asked for again and again."
        ),
        (
            f"Ratios are taken round by round. In the lines, {SERVICE.name}'s requests/s are divided by the other's and"
            " the other's CPU time by its own. Memory is that of the server's largest process."
        ),
    )
    return [f"- {sentence}" for sentence in sentences]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, texts: Collection[str] = _TEXTS) -> list[str]:
    """A Markdown table whose columns are aligned: those with these heads to the left, everything else to the right."""
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    to_the_left = [head in texts for head in heads]

    def cells(row: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width, left in zip(row, widths, to_the_left, strict=True)
        ]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * width if left else "-" * (width - 1) + ":" for width, left in zip(widths, to_the_left, strict=True)]
    return [cells(heads), cells(rule), *(cells(row) for row in rows)]


def _commit() -> str:
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607 - whichever git is installed
        capture_output=True,
        check=False,
        text=True,
        cwd=Path(__file__).parent,
    )
    return found.stdout.strip() or "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return platform.processor() or sys.platform
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
