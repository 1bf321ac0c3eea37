"""A server that keeps failing is left alone, and tried by one call before all others."""

import asyncio
from contextlib import suppress
from uuid import uuid4

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.outbound.breaker import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Breaker, BreakerOpen, WithBreaker
from app.outbound.provider import DeliveryFailed, Outgoing
from tests.messages import FakeProvider, later, never


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def always(_error: Exception) -> bool:
    return True


def fail(breaker: Breaker) -> None:
    with suppress(ZeroDivisionError), breaker.call(always):
        raise ZeroDivisionError


def succeed(breaker: Breaker) -> None:
    with breaker.call(always):
        pass


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("mail", failures=3, clock=clock)


@pytest.fixture
def opened(breaker: Breaker) -> Breaker:
    for _ in range(3):
        fail(breaker)
    return breaker


class TestClosed:
    def test_failures_in_a_row_open_it(self, breaker: Breaker):
        for state in ("closed", "closed", "open"):
            fail(breaker)
            assert breaker.facts.state == state
        assert (breaker.facts.times_opened, breaker.facts.failures_in_a_row) == (1, 3)

    def test_a_success_between_them_does_not(self, breaker: Breaker):
        for _ in range(5):
            fail(breaker)
            fail(breaker)
            succeed(breaker)
        assert breaker.facts.state == "closed"

    def test_an_error_that_is_no_failure_counts_as_an_answer(self, breaker: Breaker):
        for _ in range(9):
            with suppress(ZeroDivisionError), breaker.call(lambda _error: False):
                raise ZeroDivisionError
        assert breaker.facts.failures_in_a_row == 0

    def test_being_cancelled_says_nothing(self, breaker: Breaker):
        fail(breaker)
        for _ in range(9):
            with suppress(asyncio.CancelledError), breaker.call(always):
                raise asyncio.CancelledError
        assert (breaker.facts.state, breaker.facts.failures_in_a_row) == ("closed", 1)


class TestOpen:
    def test_nothing_passes_until_the_pause_is_over(self, opened: Breaker, clock: Clock):
        clock.now = FIRST_PAUSE_SECONDS - 0.1
        with pytest.raises(BreakerOpen) as refused, opened.call(always):
            pytest.fail("the call was made")
        assert refused.value.seconds == pytest.approx(0.1)

    def test_then_one_call_is_the_probe_and_the_others_wait(self, opened: Breaker, clock: Clock):
        clock.now = FIRST_PAUSE_SECONDS
        states = []
        with opened.call(always):
            states.append(opened.facts.state)
            with pytest.raises(BreakerOpen), opened.call(always):
                pytest.fail("a second call was made")
        states.append(opened.facts.state)
        assert states == ["half_open", "closed"]

    def test_a_probe_that_fails_doubles_the_pause_up_to_a_minute(self, opened: Breaker, clock: Clock):
        pause = FIRST_PAUSE_SECONDS
        for _ in range(8):
            clock.now += pause
            fail(opened)
            assert opened.facts.state == "open"
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            clock.now += pause - 0.1
            with pytest.raises(BreakerOpen), opened.call(always):
                pytest.fail("too early")
            clock.now -= pause - 0.1
        assert pause == LONGEST_PAUSE_SECONDS

    def test_a_probe_that_is_cancelled_lets_the_next_one_be_it(self, opened: Breaker, clock: Clock):
        clock.now = FIRST_PAUSE_SECONDS
        with suppress(asyncio.CancelledError), opened.call(always):
            raise asyncio.CancelledError
        succeed(opened)
        assert opened.facts.state == "closed"

    def test_what_began_before_says_nothing_about_now(self, breaker: Breaker, clock: Clock):
        """A call that hung through the outage ends when the circuit is closed again."""
        slow = breaker.call(always)
        slow.__enter__()
        for _ in range(3):
            fail(breaker)
        clock.now = FIRST_PAUSE_SECONDS
        succeed(breaker)
        fail(breaker)
        fail(breaker)
        with suppress(ZeroDivisionError):
            slow.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
        assert (breaker.facts.state, breaker.facts.failures_in_a_row) == ("closed", 2)


class BreakerMachine(RuleBasedStateMachine):
    """Any sequence of calls that overlap in any way, and of time that passes."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker("any", failures=2, clock=self.clock)
        self.running: list[tuple[object, str]] = []

    @rule()
    def begin(self) -> None:
        before = self.breaker.facts.state
        call = self.breaker.call(always)
        try:
            call.__enter__()
        except BreakerOpen:
            assert before != "closed"
            return
        assert before != "half_open", "two probes at once"
        self.running.append((call, self.breaker.facts.state))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), outcome=st.sampled_from([None, ZeroDivisionError, asyncio.CancelledError]))
    def end(self, data: st.DataObject, outcome: type[BaseException] | None) -> None:
        call, _ = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        with suppress(ZeroDivisionError, asyncio.CancelledError):
            call.__exit__(outcome, outcome() if outcome else None, None)  # type: ignore[attr-defined]  # a context

    @rule(seconds=st.sampled_from([1.0, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def a_probe_belongs_to_somebody(self) -> None:
        """Half open without a call on its way would be for ever."""
        if self.breaker.facts.state == "half_open":
            assert any(state == "half_open" for _, state in self.running)


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = hypothesis_settings(max_examples=60, stateful_step_count=30)


class TestWithBreaker:
    OUTGOING = Outgoing(uuid4(), "ann@example.com", "", "Hello")

    async def test_an_open_circuit_is_a_failure_for_now(self, breaker: Breaker):
        inner = FakeProvider(failures=[later() for _ in range(9)])
        provider = WithBreaker(inner, breaker)
        for _ in range(5):
            with pytest.raises(DeliveryFailed) as failed:
                await provider.deliver(self.OUTGOING)
            assert not failed.value.is_final
        assert inner.attempts == 3

    async def test_refused_recipients_do_not_open_it(self, breaker: Breaker):
        inner = FakeProvider(failures=[never() for _ in range(9)])
        for _ in range(9):
            with pytest.raises(DeliveryFailed):
                await WithBreaker(inner, breaker).deliver(self.OUTGOING)
        assert (inner.attempts, breaker.facts.state) == (9, "closed")
