"""Tests of the figures that follow from measured lines."""

import math

import pytest

from bench import figures
from bench.apps import ASGI_HELLO_IN_STACK, ASGI_HELLO_ON_OUR_HTTP, ASYNCPG, SERVICE
from bench.rounds import Line
from bench.targets import By
from bench.works import CREATE, GET, HELLO
from tests.bench.measurements import measurement


class TestRatio:
    @pytest.mark.parametrize(
        ("by", "expected"),
        [(By.RATE, 0.5), (By.EFFICIENCY, 0.4), (By.CPU, 2.5), (By.ALL_CPU, 2.0), (By.LATENCY, 3.0)],
    )
    def test_it_is_better_or_dearer_by_the_name(self, by: By, expected: float) -> None:
        ours = measurement(requests=1_000, server_us=100, postgres_us=20, p50_ms=3)
        theirs = measurement(requests=2_000, server_us=40, postgres_us=20, p50_ms=1)
        assert figures.ratio(by, ours, theirs) == pytest.approx(expected)

    def test_of_nothing_it_is_missing(self) -> None:
        assert math.isnan(figures.ratio(By.CPU, measurement(), measurement(server_us=0)))


class TestComparisons:
    def test_rounds_are_compared_pair_by_pair(self) -> None:
        ours = Line(CREATE, SERVICE, [measurement(server_us=each) for each in (100, 200, 400)])
        theirs = Line(CREATE, ASYNCPG, [measurement(server_us=each) for each in (50, 100, 100)])
        found = {figure.name: figure for figure in figures.comparisons([ours, theirs])}
        figure = found["create: requests by CPU time, times those of bare ASGI + asyncpg"]
        assert figure.values == [0.5, 0.5, 0.25]
        assert (figure.value, figure.spread) == (0.5, 0.5)
        assert figure.bounds is not None

    def test_an_application_that_did_not_run_is_left_out(self) -> None:
        assert list(figures.comparisons([Line(GET, SERVICE, [measurement()])])) == []

    def test_a_fault_of_either_line_is_the_figures(self) -> None:
        ours = Line(GET, SERVICE, [measurement()])
        theirs = Line(GET, ASYNCPG, [measurement(statuses={200: 1, 500: 2})])
        assert {tuple(figure.faults) for figure in figures.comparisons([ours, theirs])} == {("2 x status 500",)}


def test_the_middleware_costs_what_the_hello_inside_it_needs_more() -> None:
    bare = Line(HELLO, ASGI_HELLO_ON_OUR_HTTP, [measurement(server_us=20), measurement(server_us=22)])
    inside = Line(HELLO, ASGI_HELLO_IN_STACK, [measurement(server_us=30), measurement(server_us=34)])
    assert figures.middleware([bare, inside]).values == [10, 12]
