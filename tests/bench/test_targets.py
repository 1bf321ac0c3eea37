"""Tests of judging a figure."""

import math

import pytest

from bench.apps import ASYNCPG, SERVICE, SERVICE_OF_WORKERS
from bench.targets import COMPARISONS, Bounds, By, Comparison
from bench.works import CACHED_LIST, CREATE, LIST, WORKS

MORE = Bounds(must=0.4, aim=0.65)
LESS = Bounds(must=15, aim=8, at_most=True)


class TestVerdict:
    @pytest.mark.parametrize(
        ("bounds", "value", "verdict"),
        [
            (MORE, 0.65, "aim reached"),
            (MORE, 0.646, "aim reached"),
            (MORE, 0.644, "must reached"),
            (MORE, 0.39, "NOT reached"),
            (LESS, 8, "aim reached"),
            (LESS, 8.1, "must reached"),
            (LESS, 15.1, "NOT reached"),
            (Bounds(must=50, aim=None, at_most=True), 1, "must reached"),
            (MORE, math.nan, "not measured"),
        ],
    )
    def test_it_says_what_is_reached(self, bounds: Bounds, value: float, verdict: str) -> None:
        assert bounds.verdict(value) == verdict

    def test_bounds_read_as_must_and_aim(self) -> None:
        assert [str(MORE), str(LESS)] == ["≥ 0.4 / ≥ 0.65", "≤ 15 / ≤ 8"]


class TestComparisons:
    def test_each_is_of_two_measured_lines(self) -> None:
        measured = {(work.name, app.name) for work in WORKS for app in work.apps}
        compared = [side for comparison in COMPARISONS for side in (comparison.ours, comparison.theirs)]
        assert {(work.name, app.name) for work, app in compared} <= measured

    def test_each_has_a_name_of_its_own(self) -> None:
        assert len({comparison.name for comparison in COMPARISONS}) == len(COMPARISONS)

    @pytest.mark.parametrize(
        ("comparison", "name"),
        [
            (
                Comparison(ours=(CREATE, SERVICE), theirs=(CREATE, ASYNCPG), by=By.RATE),
                "create: requests/s, times those of bare ASGI + asyncpg",
            ),
            (
                Comparison(ours=(CACHED_LIST, SERVICE), theirs=(LIST, SERVICE), by=By.CPU),
                "cached list of 20: CPU time, times that of uncached list of 20",
            ),
            (
                Comparison(ours=(CREATE, SERVICE_OF_WORKERS), theirs=(CREATE, SERVICE), by=By.LATENCY),
                "create, this service, 2 workers: median latency, times that of this service",
            ),
        ],
    )
    def test_the_name_says_what_is_held_against_what(self, comparison: Comparison, name: str) -> None:
        assert comparison.name == name
