"""How load lowers limits, without any: places, queues and seconds are the test's own."""

import pytest

from app.admission import Admission
from app.concurrency_limit import ConcurrencyLimit
from app.rate_limits.pressure import LOWERED_TO, RAISED_PER_SECOND, Pressure

PLACES = 8


@pytest.fixture
def admission() -> Admission:
    return Admission(ConcurrencyLimit(most=PLACES, fewest=2), max_waiting=20)


@pytest.fixture
def pressure(admission: Admission) -> Pressure:
    return Pressure(admission, floor=0.25)


def fill(admission: Admission, *, waiting: int) -> None:
    """Takes every place, and lets so many reads wait."""
    for _ in range(PLACES):
        assert admission.try_enter(admission.reads)
    for _ in range(waiting):
        admission.enqueue(admission.reads, 0.0, lambda: None)


class TestQuiet:
    def test_nothing_is_lowered_while_every_place_is_taken_and_few_wait(
        self, admission: Admission, pressure: Pressure
    ) -> None:
        fill(admission, waiting=PLACES)
        assert not pressure.look(0.0)
        assert pressure.scale == 1.0

    def test_a_queue_of_passwords_is_no_overload(self, admission: Admission, pressure: Pressure) -> None:
        for _ in range(2 * PLACES):
            admission.enqueue(admission.passwords, 0.0, lambda: None)
        assert not pressure.look(0.0)


class TestOverload:
    def test_a_queue_longer_than_what_is_in_progress_lowers_limits_again_and_again_to_the_floor(
        self, admission: Admission, pressure: Pressure
    ) -> None:
        fill(admission, waiting=PLACES + 1)
        seen = []
        for second in range(10):
            pressure.look(float(second))
            seen.append(pressure.scale)
        assert seen[:2] == pytest.approx([LOWERED_TO, LOWERED_TO**2])
        assert seen[-1] == 0.25
        assert seen == sorted(seen, reverse=True)

    def test_one_who_waits_is_enough_where_answers_have_become_slow(
        self, admission: Admission, pressure: Pressure
    ) -> None:
        fill(admission, waiting=1)
        admission.limit.value = PLACES - 1
        assert pressure.look(0.0)
        assert pressure.scale == pytest.approx(LOWERED_TO)

    def test_a_limit_that_stayed_low_after_the_load_has_gone_is_none(
        self, admission: Admission, pressure: Pressure
    ) -> None:
        admission.limit.value = 2
        assert not pressure.look(0.0)

    def test_refusals_lower_limits_once_each(self, admission: Admission, pressure: Pressure) -> None:
        admission.reads.refused += 3
        assert pressure.look(0.0)
        assert pressure.look(1.0)
        assert pressure.scale == pytest.approx(LOWERED_TO + RAISED_PER_SECOND)


class TestRecovery:
    def test_it_comes_back_step_by_step_and_not_above_one(self, admission: Admission, pressure: Pressure) -> None:
        admission.reads.refused += 1
        pressure.look(0.0)
        seen = []
        for second in range(1, 6):
            pressure.look(float(second))
            seen.append(pressure.scale)
        assert seen == pytest.approx([0.8, 0.9, 1.0, 1.0, 1.0])

    def test_after_a_silence_it_has_come_back(self, admission: Admission, pressure: Pressure) -> None:
        admission.reads.refused += 1
        pressure.look(0.0)
        pressure.look(60.0)
        assert pressure.scale == 1.0
