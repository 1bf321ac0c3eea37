"""Tests of judging a figure."""

import math

import pytest

from bench.targets import RATIOS, Bounds
from bench.works import WORKS

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


def test_every_ratio_belongs_to_a_measured_line() -> None:
    assert RATIOS.keys() <= {(work.name, app.name) for work in WORKS for app in work.apps}
