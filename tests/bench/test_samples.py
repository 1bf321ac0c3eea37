"""Tests of the statistics over repeated measurements."""

import math

import pytest

from bench.samples import median, percentile, spread


class TestPercentile:
    @pytest.mark.parametrize(("percent", "value"), [(0, 1), (1, 1), (50, 50), (99, 99), (99.1, 100), (100, 100)])
    def test_it_is_the_nearest_rank(self, percent: float, value: int) -> None:
        assert percentile(range(1, 101), percent) == value

    def test_one_value_is_every_percentile(self) -> None:
        assert {percentile([7.0], percent) for percent in (1, 50, 99)} == {7.0}

    def test_of_nothing_it_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no values"):
            percentile([], 50)


class TestSpread:
    def test_it_is_the_range_as_a_share_of_the_median(self) -> None:
        assert spread([90.0, 100.0, 110.0]) == pytest.approx(0.2)

    def test_of_nothing_it_is_missing(self) -> None:
        assert math.isnan(spread([]))
        assert math.isnan(median([]))
