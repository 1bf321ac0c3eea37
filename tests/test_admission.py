"""Tests of places and queue: who goes first, and who is refused and when."""

import pytest

from app.admission import (
    ANSWERS_PER_REFUSAL,
    PATIENCE_SECONDS,
    PLACES_PASSED_OVER,
    REFUSAL_SECONDS,
    REFUSALS_AT_ONCE,
    SHORT_PATIENCE_SECONDS,
    Admission,
    Lane,
    Outcome,
    Ticket,
)
from app.concurrency_limit import ConcurrencyLimit

LANES = ("writes", "reads", "passwords", "exports")


class Desk:
    """An admission, and who was woken in which order."""

    def __init__(self, places: int, *, max_waiting: int = 100) -> None:
        self.admission = Admission(ConcurrencyLimit(most=places), max_waiting=max_waiting)
        self.woken: list[str] = []
        self.now = 1_000.0

    def lane(self, name: str) -> Lane:
        found = getattr(self.admission, name)
        assert isinstance(found, Lane)
        return found

    def fill(self, name: str = "reads") -> None:
        """Takes every place that there is for the lane."""
        while self.admission.try_enter(self.lane(name)):
            pass

    def ask(self, name: str, label: str = "") -> Ticket:
        return self.admission.enqueue(self.lane(name), self.now, lambda: self.woken.append(label or name))

    def leave(self, name: str = "reads") -> None:
        self.admission.leave(self.lane(name))

    def wait(self, seconds: float) -> None:
        """Lets time pass as the timer does, a few milliseconds at a time."""
        end = self.now + seconds
        while self.now < end:
            self.now += 0.025
            self.admission.expire(self.now)


class TestPlaces:
    def test_there_are_as_many_as_the_limit(self):
        desk = Desk(3)
        desk.fill()
        assert desk.admission.in_progress == 3

    @pytest.mark.parametrize(("name", "held"), [("writes", 6), ("reads", 12), ("passwords", 3), ("exports", 3)])
    def test_a_lane_has_a_share_of_them(self, name: str, held: int):
        desk = Desk(12)
        desk.fill(name)
        assert desk.admission.in_progress == held

    @pytest.mark.parametrize("name", LANES)
    def test_a_single_place_is_for_everybody(self, name: str):
        desk = Desk(1)
        desk.fill(name)
        assert desk.admission.in_progress == 1

    def test_who_wants_more_than_its_share_waits_while_others_walk_in(self):
        desk = Desk(8)
        desk.fill("passwords")
        desk.ask("passwords")
        assert desk.admission.try_enter(desk.admission.reads)
        desk.leave("reads")
        assert desk.woken == []
        desk.leave("passwords")
        assert desk.woken == ["passwords"]

    def test_slow_lanes_say_nothing_about_the_limit(self):
        desk = Desk(8)
        desk.fill("passwords")
        desk.ask("passwords")
        assert not desk.admission.limit.was_reached
        desk.fill("reads")
        desk.ask("reads")
        assert desk.admission.limit.was_reached

    def test_a_limit_that_has_grown_lets_several_in(self):
        desk = Desk(10)
        desk.admission.limit.value = 2
        desk.fill()
        for number in range(6):
            desk.ask("reads", str(number))
        desk.admission.limit.value = 5
        desk.leave()
        assert desk.woken == ["0", "1", "2", "3"]

    def test_a_limit_that_has_shrunk_lets_nobody_in_before_it_holds(self):
        desk = Desk(4)
        desk.fill()
        desk.ask("reads")
        desk.admission.limit.value = 2
        desk.leave()
        desk.leave()
        assert desk.woken == []
        desk.leave()
        assert desk.woken == ["reads"]

    def test_a_place_that_was_lent_is_taken_back_above_the_limit(self):
        desk = Desk(1)
        desk.fill()
        desk.ask("reads")
        desk.leave()
        desk.admission.take_back(desk.admission.reads)
        assert desk.admission.in_progress == 2
        desk.leave()
        assert not desk.admission.try_enter(desk.admission.reads)


class TestOrder:
    def test_writes_before_reads_before_passwords_before_exports(self):
        desk = Desk(1)
        desk.fill()
        for name in reversed(LANES):
            desk.ask(name)
        desk.leave("reads")
        for name in LANES[:3]:
            desk.leave(name)
        assert desk.woken == list(LANES)

    def test_within_a_lane_who_came_first(self):
        desk = Desk(1)
        desk.fill()
        for number in range(5):
            desk.ask("reads", str(number))
            desk.now += 0.01
        for _ in range(5):
            desk.leave()
        assert desk.woken == list("01234")

    def test_reads_are_passed_over_only_so_often(self):
        desk = Desk(1)
        desk.fill("writes")
        desk.ask("reads")
        for _ in range(3 * PLACES_PASSED_OVER):
            desk.ask("writes")
        for _ in range(PLACES_PASSED_OVER + 1):
            desk.leave("writes")
        assert desk.woken == ["writes"] * PLACES_PASSED_OVER + ["reads"]


class TestFull:
    def test_a_newcomer_of_the_lowest_lane_is_refused(self):
        desk = Desk(1, max_waiting=2)
        desk.fill()
        first, second = desk.ask("reads"), desk.ask("reads")
        assert desk.ask("reads").outcome is Outcome.REFUSED
        assert desk.ask("exports").outcome is Outcome.REFUSED
        assert {first.outcome, second.outcome} == {Outcome.UNDECIDED}

    def test_a_newcomer_of_a_higher_lane_displaces_the_newest_of_the_lowest(self):
        desk = Desk(1, max_waiting=3)
        desk.fill()
        read, old_export, young_export = desk.ask("reads"), desk.ask("exports"), desk.ask("exports")
        assert desk.ask("writes").outcome is Outcome.UNDECIDED
        assert young_export.outcome is Outcome.REFUSED
        assert {read.outcome, old_export.outcome} == {Outcome.UNDECIDED}
        assert desk.admission.snapshot().waiting == 3

    def test_without_a_queue_who_finds_no_place_is_refused(self):
        desk = Desk(1, max_waiting=0)
        desk.fill()
        assert desk.ask("writes").outcome is Outcome.REFUSED


class TestPatience:
    def test_it_is_a_second_in_a_queue_that_was_empty(self):
        desk = Desk(1)
        desk.fill()
        ticket = desk.ask("reads")
        desk.wait(PATIENCE_SECONDS - 0.1)
        assert desk.woken == []
        desk.wait(0.2)
        assert desk.woken == ["reads"]
        assert ticket.outcome is Outcome.REFUSED

    def test_it_shrinks_in_a_queue_that_stands(self):
        desk = Desk(1)
        desk.fill()
        for _ in range(40):
            desk.ask("reads")
            desk.wait(SHORT_PATIENCE_SECONDS / 2)
        latest = desk.ask("reads")
        desk.wait(SHORT_PATIENCE_SECONDS + 0.05)
        assert latest.outcome is Outcome.REFUSED

    def test_it_is_long_again_once_the_queue_was_empty(self):
        desk = Desk(1)
        desk.fill()
        for _ in range(40):
            desk.ask("reads")
            desk.wait(SHORT_PATIENCE_SECONDS / 2)
        while desk.admission.waiting:
            desk.leave()
        ticket = desk.ask("reads")
        desk.wait(PATIENCE_SECONDS - 0.1)
        assert ticket.outcome is Outcome.UNDECIDED

    def test_slow_lanes_have_more(self):
        desk = Desk(1)
        desk.fill()
        ticket = desk.ask("passwords")
        desk.wait(4 * PATIENCE_SECONDS)
        assert ticket.outcome is Outcome.UNDECIDED


class TestRefusals:
    def refuse(self, desk: Desk, count: int) -> list[Ticket]:
        """Somebody waits for hours, and so many are refused."""
        desk.fill()
        desk.ask("exports")
        desk.admission.exports.patience = 10_000
        return [desk.ask("exports", "no") for _ in range(count)]

    def test_a_handful_leaves_at_once_and_the_rest_slowly(self):
        desk = Desk(1, max_waiting=1)
        self.refuse(desk, REFUSALS_AT_ONCE + 50)
        assert len(desk.woken) == REFUSALS_AT_ONCE
        desk.wait(0.25)
        assert REFUSALS_AT_ONCE + 20 <= len(desk.woken) <= REFUSALS_AT_ONCE + 30

    def test_one_more_leaves_with_every_fourth_answer(self):
        desk = Desk(4 * ANSWERS_PER_REFUSAL, max_waiting=1)
        desk.fill("exports")
        self.refuse(desk, REFUSALS_AT_ONCE + 50)
        for _ in range(2 * ANSWERS_PER_REFUSAL):
            desk.leave()
        assert desk.woken == ["no"] * (REFUSALS_AT_ONCE + 2)

    def test_none_is_held_back_for_long(self):
        desk = Desk(1, max_waiting=1)
        self.refuse(desk, 20 * REFUSALS_AT_ONCE)
        desk.wait(REFUSAL_SECONDS - 1)
        assert len(desk.woken) < 20 * REFUSALS_AT_ONCE
        desk.wait(2)
        assert len(desk.woken) == 20 * REFUSALS_AT_ONCE

    def test_once_nobody_waits_they_leave_as_fast_as_they_can(self):
        desk = Desk(1, max_waiting=1)
        self.refuse(desk, 5 * REFUSALS_AT_ONCE)
        desk.leave()
        desk.wait(0.125)
        assert desk.woken.count("no") == 5 * REFUSALS_AT_ONCE
        assert not desk.admission.has_undecided

    def test_whoever_leaves_meanwhile_is_forgotten(self):
        desk = Desk(1, max_waiting=1)
        *_, last = self.refuse(desk, REFUSALS_AT_ONCE + 1)
        desk.admission.abandon(last)
        desk.wait(REFUSAL_SECONDS + 1)
        assert len(desk.woken) == REFUSALS_AT_ONCE
        assert last.outcome is Outcome.ABANDONED


class TestRetryAfter:
    def times(self, desk: Desk) -> set[int]:
        return {desk.admission.retry_after_seconds(desk.admission.reads, desk.now) for _ in range(500)}

    def test_it_is_drawn_and_grows_with_the_queue_and_with_its_age(self):
        desk = Desk(1, max_waiting=100)
        desk.fill()
        assert self.times(desk) == {1, 2}
        for _ in range(100):
            desk.ask("reads")
        assert self.times(desk) == set(range(1, 11))
        desk.now += 600
        assert self.times(desk) == set(range(1, 31))

    def test_a_moment_before_the_queue_stood_is_no_error(self):
        desk = Desk(1)
        desk.fill()
        desk.ask("reads")
        assert desk.admission.retry_after_seconds(desk.admission.reads, desk.now - 10) in {1, 2}
