"""Tests of the report, on measurements that nobody took."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import report
from bench.apps import ASYNCPG, SERVICE
from bench.data import Population
from bench.figures import Figure
from bench.rounds import Line, Measurement, Pace
from bench.targets import Bounds
from bench.works import GET
from tests.bench.measurements import measurement

CONDITIONS = report.Conditions(command="python -m bench", population=Population(), pace=Pace(), postgres_version="18.0")
FIGURE = Figure(name="start", values=[1.0, 2.0, 4.0], unit="s", bounds=Bounds(must=3, aim=1.5, at_most=True))
GOOD = measurement(requests=1_000)


def lines(ours: Measurement = GOOD) -> list[Line]:
    """Ours does 1,000 requests a second at 100 µs, the other 2,000 at 40 µs."""
    return [Line(GET, SERVICE, [ours]), Line(GET, ASYNCPG, [measurement(requests=2_000, server_us=40.0)])]


def result(**changes: Any) -> Measurement:
    return replace(GOOD, result=replace(GOOD.result, **changes))


def cells(text: str, name: str) -> list[str]:
    row = next(line for line in text.splitlines() if f"| {name} " in line)
    return [cell.strip() for cell in row.strip("|").split("|")]


class TestRender:
    def test_a_reference_shows_what_ours_reaches_against_it(self) -> None:
        row = cells(report.render(CONDITIONS, lines(), []), ASYNCPG.name)
        assert row[2:] == ["2,000", "0%", "1.00", "4.00", "40", "30", "2.5", "1.00", "123", "0.50x", "0.40x"]

    def test_a_figure_shows_its_median_and_its_verdict(self) -> None:
        row = cells(report.render(CONDITIONS, lines(), [FIGURE]), "start")
        assert row == ["start", "2.00", "s", "150%", "≤ 3 / ≤ 1.5", "must reached"]

    def test_a_refused_request_makes_the_run_and_its_ratios_invalid(self) -> None:
        refused = lines(result(statuses={200: 999, 503: 1}))
        text = report.render(CONDITIONS, refused, [])
        assert "**This run is invalid.**" in text
        assert f"- uncached get, {SERVICE.name}: 1 x status 503" in text
        assert cells(text, ASYNCPG.name)[-2:] == ["invalid", "invalid"]
        assert not report.is_valid(refused, [])

    def test_an_application_that_never_answered_shows_no_ratio(self) -> None:
        ours, theirs = lines()
        theirs.measurements[:] = [result(requests=0, statuses={})]
        text = report.render(CONDITIONS, [ours, theirs], [])
        assert cells(text, ASYNCPG.name)[-1] == "invalid"
        assert f"- uncached get, {ASYNCPG.name}: no request was answered" in text

    def test_a_generator_that_had_no_time_left_makes_the_run_invalid(self) -> None:
        assert not report.is_valid(lines(result(generator_busy=0.97)), [])

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

    def test_what_was_left_out_is_told(self) -> None:
        text = report.render(replace(CONDITIONS, left_out=["Fastify + pg, because of nothing"]), lines(), [])
        assert "left out: Fastify + pg, because of nothing." in text

    def test_a_good_run_is_valid(self) -> None:
        assert report.is_valid(lines(), [FIGURE])
        assert "invalid" not in report.render(CONDITIONS, lines(), [FIGURE])


class TestSave:
    def test_the_report_shows_the_chart_beside_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(report, "REPORTS", tmp_path / "reports")
        path = report.save("# Benchmark\n", lines())
        chart = path.with_suffix(".svg")
        assert f"({chart.name})" in path.read_text(encoding="utf-8")
        assert chart.read_text(encoding="utf-8").startswith("<svg ")
