"""`python -m bench`: measures this service beside the reference applications and prints one report."""

import argparse
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence

from bench import probes, report, rounds
from bench.apps import APPS, SERVICE
from bench.data import Population
from bench.messages import UnexpectedAnswerError
from bench.processes import ServerError
from bench.stand import Stand, all_serving, standing
from bench.works import WORKS

QUICK = rounds.Pace(rounds=2, seconds=1.0, warmup_seconds=0.3)
FULL = rounds.Pace()


def main(arguments: Sequence[str]) -> int:
    """Runs the benchmark; returns 1 if a measurement cannot be believed, whatever the figures are."""
    options = _parser().parse_args(arguments)
    standard = QUICK if options.quick else FULL
    pace = rounds.Pace(
        rounds=options.rounds or standard.rounds,
        seconds=options.seconds or standard.seconds,
        warmup_seconds=standard.warmup_seconds,
    )
    population = Population(todos=options.rows)
    with standing(population) as stand:
        lines, figures = _measured(stand, pace)
        conditions = report.Conditions(
            command=shlex.join(["python", "-m", "bench", *arguments]),
            population=population,
            pace=pace,
            postgres_version=stand.postgres_version,
        )
    text = report.render(conditions, lines, figures)
    print(text)
    print(f"Written to {report.save(text)}")
    return 0 if report.is_valid(lines, figures) else 1


def _measured(stand: Stand, pace: rounds.Pace) -> tuple[list[rounds.Line], list[probes.Figure]]:
    with all_serving(stand, APPS) as servers:
        service = servers[SERVICE.name]
        lines = rounds.run(stand, servers, WORKS, pace=pace, say=_say)
        figures = [
            *_taken("middleware", probes.middleware(lines)),
            *_taken("depth", probes.depth(stand, service, pace)),
            *_taken("login", probes.login(stand, service, pace)),
            *_taken("start and memory", probes.start(stand, service, pace)),
        ]
    return lines, [*figures, *_taken("crowd", probes.crowd(stand, pace))]


def _taken(name: str, figures: Iterable[probes.Figure]) -> Iterator[probes.Figure]:
    """The figures as far as they can be taken: minutes of measurements are not lost because one probe fails."""
    try:
        for figure in figures:
            _say(f"{figure.name}: {figure.value:,.2f} {figure.unit}")
            yield figure
    except (ServerError, UnexpectedAnswerError) as error:
        yield probes.Figure(name=name, values=(), unit="", faults=[str(error)])


def _say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--rows", type=int, default=50_000, help="todos in the database (default 50,000, up to 1,000,000)"
    )
    parser.add_argument("--quick", action="store_true", help="two rounds of one second: a look, not a measurement")
    parser.add_argument("--rounds", type=int, help="instead of 5")
    parser.add_argument("--seconds", type=float, help="length of each window, instead of 3")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
