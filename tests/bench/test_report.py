"""Tests of the report, on measurements that nobody took."""

from dataclasses import replace

from bench import report
from bench.apps import ASYNCPG, SERVICE
from bench.data import Population
from bench.load import Result
from bench.probes import Figure
from bench.rounds import Line, Measurement, Pace
from bench.targets import Bounds
from bench.works import GET

CONDITIONS = report.Conditions(command="python -m bench", population=Population(), pace=Pace(), postgres_version="18.0")
GOOD = Result(
    requests=3_000, seconds=3.0, p50_ms=1.0, p99_ms=4.0, statuses={200: 3_000}, failures={}, generator_busy=0.4
)
FIGURE = Figure(name="start", values=[1.0, 2.0, 4.0], unit="s", bounds=Bounds(must=3, aim=1.5, at_most=True))


def lines(result: Result = GOOD) -> list[Line]:
    """Ours does 1,000 requests a second at 100 µs, the other 2,000 at 40 µs."""
    ours = Measurement(result, server_us=100.0, postgres_us=30.0, server_cores_busy=1.0, others_busy=0.05)
    theirs = replace(ours, result=replace(GOOD, requests=6_000), server_us=40.0)
    return [Line(GET, SERVICE, [ours]), Line(GET, ASYNCPG, [theirs])]


def cells(text: str, name: str) -> list[str]:
    row = next(line for line in text.splitlines() if f"| {name} " in line)
    return [cell.strip() for cell in row.strip("|").split("|")]


class TestRender:
    def test_a_reference_shows_what_ours_reaches_against_it(self) -> None:
        row = cells(report.render(CONDITIONS, lines(), []), ASYNCPG.name)
        assert row[2:8] == ["2,000", "0%", "1.00", "4.00", "40", "30"]
        assert row[9:] == ["0.50x must reached", "0.40x must reached", "≥ 0.4 / ≥ 0.65"]

    def test_a_figure_shows_its_median_and_its_verdict(self) -> None:
        row = cells(report.render(CONDITIONS, lines(), [FIGURE]), "start")
        assert row == ["start", "2.00", "s", "150%", "≤ 3 / ≤ 1.5", "must reached"]

    def test_a_refused_request_makes_the_run_and_its_ratios_invalid(self) -> None:
        refused = lines(replace(GOOD, statuses={200: 2_999, 503: 1}))
        text = report.render(CONDITIONS, refused, [])
        assert "**This run is invalid.**" in text
        assert f"- get one, {SERVICE.name}: 1 x status 503" in text
        assert cells(text, ASYNCPG.name)[9:11] == ["invalid", "invalid"]
        assert not report.is_valid(refused, [])

    def test_an_application_that_never_answered_shows_no_ratio(self) -> None:
        ours, theirs = lines()
        theirs.measurements[:] = [replace(theirs.measurements[0], result=replace(GOOD, requests=0, statuses={}))]
        text = report.render(CONDITIONS, [ours, theirs], [])
        assert cells(text, ASYNCPG.name)[9] == "invalid"
        assert f"- get one, {ASYNCPG.name}: no request was answered" in text

    def test_a_generator_that_had_no_time_left_makes_the_run_invalid(self) -> None:
        assert not report.is_valid(lines(replace(GOOD, generator_busy=0.97)), [])

    def test_a_fault_of_a_figure_makes_the_run_invalid(self) -> None:
        figures = [replace(FIGURE, faults=["1 x status 500"])]
        text = report.render(CONDITIONS, lines(), figures)
        assert "- start: 1 x status 500" in text
        assert cells(text, "start")[-1] == "invalid"
        assert not report.is_valid(lines(), figures)

    def test_a_busy_machine_is_told(self) -> None:
        ours, theirs = lines()
        assert "not quiet" not in report.render(CONDITIONS, [ours, theirs], [])
        busy = [Line(GET, line.app, [replace(line.measurements[0], others_busy=0.3)]) for line in (ours, theirs)]
        text = report.render(CONDITIONS, busy, [])
        assert "**The machine was not quiet: these figures say little.**" in text
        assert "Others took 30% of the machine in the median window, 30% at most." in text

    def test_a_good_run_is_valid(self) -> None:
        assert report.is_valid(lines(), [FIGURE])
        assert "invalid" not in report.render(CONDITIONS, lines(), [FIGURE])
