"""Tests of the limit that learns, against servers of which one formula says how long they take."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from app.concurrency_limit import FEWEST, WINDOW_SAMPLES, ConcurrencyLimit

MOST = 200


def run(
    limit: ConcurrencyLimit,
    latency: Callable[[int], float],
    *,
    demand: int,
    windows: int,
    since: float = 1_000.0,
    kind: int = 0,
) -> float:
    """`windows` windows of a load of `demand` requests at once; returns the time at their end."""
    now = since
    for _ in range(windows * WINDOW_SAMPLES):
        in_progress = min(demand, limit.value)
        limit.was_reached = limit.was_reached or demand > limit.value
        seconds = latency(in_progress)
        now += seconds / in_progress
        limit.learn(kind, seconds, now)
    return now


def computing(in_progress: int) -> float:
    """One core, 1 ms of work for each request."""
    return 0.001 * in_progress


def waiting(in_progress: int) -> float:
    """A far server with room for everybody."""
    return 0.05


class TestWhileNobodyWaits:
    def test_it_stays_whatever_the_latencies_do(self):
        limit = ConcurrencyLimit(most=MOST)
        now = run(limit, lambda _: 0.001, demand=10, windows=5)
        run(limit, lambda _: 10.0, demand=MOST, windows=20, since=now)
        assert limit.value == MOST


class TestUnderLoad:
    def test_a_process_that_computes_is_held_to_few(self):
        limit = ConcurrencyLimit(most=MOST)
        now = run(limit, computing, demand=3, windows=3)
        run(limit, computing, demand=1_000, windows=30, since=now)
        # The 3 that are normal, as many again that are tolerated, and the headroom; give or take the rounding.
        assert 16 <= limit.value <= 24

    def test_it_is_there_within_a_dozen_windows(self):
        limit = ConcurrencyLimit(most=MOST)
        now = run(limit, computing, demand=3, windows=3)
        run(limit, computing, demand=1_000, windows=12, since=now)
        assert limit.value <= 30

    def test_a_server_with_room_for_all_gets_all(self):
        limit = ConcurrencyLimit(most=MOST)
        now = run(limit, computing, demand=3, windows=3)
        now = run(limit, computing, demand=1_000, windows=30, since=now)
        # It has been mended: now it takes as long as it took with a few, however many there are.
        run(limit, lambda _: 0.003, demand=1_000, windows=60, since=now)
        assert limit.value == MOST

    def test_after_a_start_in_a_storm_it_measures_with_few_first(self):
        limit = ConcurrencyLimit(most=MOST)
        run(limit, computing, demand=1_000, windows=1)
        assert limit.value == FEWEST
        run(limit, computing, demand=1_000, windows=60)
        assert limit.value <= 4 * FEWEST

    def test_a_start_in_a_storm_keeps_nobody_from_a_server_with_room(self):
        limit = ConcurrencyLimit(most=MOST)
        run(limit, waiting, demand=1_000, windows=80)
        assert limit.value == MOST

    def test_latencies_from_before_it_was_lowered_are_no_reference(self):
        limit = ConcurrencyLimit(most=MOST)
        run(limit, computing, demand=1_000, windows=1)
        for _ in range(MOST):
            limit.was_reached = True
            limit.learn(0, computing(MOST), 1_000.0)
        run(limit, computing, demand=1_000, windows=40)
        assert limit.value <= 4 * FEWEST

    def test_what_is_normal_is_measured_again_after_a_minute(self):
        limit = ConcurrencyLimit(most=MOST)
        now = run(limit, lambda _: 0.001, demand=10, windows=2)
        # Slower for good, and no slower with many than with few.
        now = run(limit, lambda _: 0.1, demand=1_000, windows=5, since=now)
        assert limit.value < 40
        run(limit, lambda _: 0.1, demand=1_000, windows=1_000, since=now)
        assert limit.value == MOST

    def test_a_minority_of_slow_requests_changes_nothing(self):
        limit = ConcurrencyLimit(most=MOST)
        now = run(limit, lambda _: 0.001, demand=3, windows=3)
        for number in range(20 * WINDOW_SAMPLES):
            limit.was_reached = True
            limit.learn(0, 5.0 if number % 3 == 0 else 0.001, now)
        assert limit.value == MOST

    def test_each_kind_is_held_against_its_own(self):
        limit = ConcurrencyLimit(most=MOST, kinds=2)
        now = run(limit, lambda _: 0.001, demand=3, windows=3, kind=0)
        now = run(limit, lambda _: 0.1, demand=3, windows=3, since=now, kind=1)
        for _ in range(20 * WINDOW_SAMPLES):
            limit.was_reached = True
            limit.learn(0, 0.001, now)
            limit.learn(1, 0.1, now)
        assert limit.value == MOST


class TestBounds:
    @given(
        most=st.integers(1, 300),
        load=st.lists(st.tuples(st.floats(0, 1e6), st.booleans(), st.floats(0, 200)), max_size=40),
    )
    def test_it_never_leaves_them(self, most: int, load: list[tuple[float, bool, float]]):
        limit, now = ConcurrencyLimit(most=most), 0.0
        for seconds, is_reached, pause in load:
            now += pause
            for _ in range(WINDOW_SAMPLES):
                limit.was_reached = limit.was_reached or is_reached
                limit.learn(0, seconds, now)
                assert min(FEWEST, most) <= limit.value <= most
