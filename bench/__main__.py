"""`python -m bench`: measures this service beside the reference applications and writes one report.

`python -m bench compare --base REV` measures two revisions of it beside each other, and fails if one has got slower.
"""

import argparse
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bench import compare, figures, herd, node, probes, report, rounds, soak
from bench.apps import APPS, FASTIFY, MAIN, SERVICE, SMALL, App
from bench.data import Population
from bench.databases import Schema
from bench.figures import Figure
from bench.messages import UnexpectedAnswerError
from bench.places import ROOT
from bench.processes import ServerError
from bench.revisions import RevisionError
from bench.stand import Contents, Stand, all_serving, standing
from bench.works import WORKS

QUICK = rounds.Pace(rounds=2, seconds=0.7, warmup_seconds=0.3, attempts=1)
FULL = rounds.Pace()
SMALL_TODOS = 10_000
COMPARED_TODOS = 50_000
SOAK_MINUTES = 0.5
QUICK_SOAK_MINUTES = 0.1


def main(arguments: Sequence[str]) -> int:
    """Runs what is asked for; returns 1 if a measurement cannot be believed or a revision got slower, 2 if it cannot.

    What the figures of a report are has no influence on its status.
    """
    options = _parser().parse_args(arguments)
    standard = QUICK if options.quick else FULL
    pace = replace(standard, rounds=options.rounds or standard.rounds, seconds=options.seconds or standard.seconds)
    try:
        if options.command == "compare":
            return _compare(options, pace)
        return _measure(options, pace, shlex.join(["python", "-m", "bench", *arguments]))
    except (RevisionError, ServerError, UnexpectedAnswerError) as error:
        print(error, file=sys.stderr)
        return 2


def _compare(options: argparse.Namespace, pace: rounds.Pace) -> int:
    population = Population(todos=options.rows or COMPARED_TODOS)
    rows = compare.compare(options.base, options.candidate, population=population, pace=pace, say=_say)
    print(compare.render(rows))
    return 1 if any(row.is_lost or row.faults for row in rows) else 0


def _measure(options: argparse.Namespace, pace: rounds.Pace, command: str) -> int:
    missing = node.prepare()
    apps = [app for app in APPS if app is not FASTIFY or not missing]
    population = Population(todos=options.rows) if options.rows else Population()
    schema = Schema(ROOT, sys.executable)
    contents = {
        MAIN: Contents(population=population, schema=schema),
        SMALL: Contents(population=Population(todos=SMALL_TODOS), schema=schema),
    }
    minutes = options.soak or (QUICK_SOAK_MINUTES if options.quick else SOAK_MINUTES)
    with standing(contents, say=_say) as stand:
        lines, found = _measured(stand, apps, pace, minutes)
        conditions = report.Conditions(
            command=command,
            population=population,
            pace=pace,
            postgres_version=stand.postgres_version,
            left_out=[f"{FASTIFY.name}, because {missing}"] if missing else [],
        )
    text = report.render(conditions, lines, found)
    print(text)
    print(f"Written to {report.save(text, lines)}")
    return 0 if report.is_valid(lines, found) else 1


def _measured(
    stand: Stand, apps: Sequence[App], pace: rounds.Pace, soak_minutes: float
) -> tuple[list[rounds.Line], list[Figure]]:
    with all_serving(stand, apps) as servers:
        service = servers[SERVICE.name]
        lines = rounds.run(stand, servers, WORKS, pace=pace, say=_say)
        found = [
            *figures.comparisons(lines),
            figures.middleware(lines),
            *_taken("depth", probes.depth(stand, service, pace)),
            *_taken("login", probes.login(stand, service, pace)),
            *_taken("start and memory", probes.start(stand, service, pace)),
        ]
    # The others are gone by now, and with them their connections and their share of the memory.
    found += _taken("herd", herd.herd(stand, pace))
    found += _taken("crowd", probes.crowd(stand, pace))
    found += _taken("soak", soak.soak(stand, soak_minutes))
    return lines, found


def _taken(name: str, taken: Iterable[Figure]) -> Iterator[Figure]:
    """The figures as far as they can be taken: minutes of measurements are not lost because one probe fails."""
    try:
        for figure in taken:
            _say(f"{figure.name}: {figure.value:,.2f} {figure.unit}")
            yield figure
    except (ServerError, UnexpectedAnswerError) as error:
        yield Figure(name=name, values=(), unit="", faults=[str(error)])


def _say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--rows", type=int, help="todos in the database, up to 1,000,000")
    common.add_argument("--quick", action="store_true", help="two short rounds: a look, not a measurement")
    common.add_argument("--rounds", type=int, help=f"instead of {FULL.rounds}")
    common.add_argument("--seconds", type=float, help=f"length of each window, instead of {FULL.seconds:g}")
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, parents=[common])
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="length of the load that memory is watched under")
    commands = parser.add_subparsers(dest="command")
    gate = commands.add_parser("compare", parents=[common], description="Compare two revisions of this service.")
    gate.add_argument("--base", required=True, metavar="REV", help="the revision to hold the other against")
    gate.add_argument("--candidate", default="", metavar="REV", help="the other, instead of the working tree")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
