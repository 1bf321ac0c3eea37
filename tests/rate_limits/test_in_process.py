"""Budgets of one process: what GCRA promises, on a clock that only the test moves."""

import pytest

from app.rate_limits.budgets import ADMITTED, REFUSED, Limit, rate_of
from app.rate_limits.in_process import LocalBudgets
from tests.rate_limits.budgets_made import MINUTE, Clock, settled, verdicts


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def budgets(clock: Clock) -> LocalBudgets:
    return LocalBudgets(clock=clock)


class TestRate:
    @pytest.mark.parametrize("amount", [1, 7, 60, 9_999, 1_000_000, 50_000_000])
    def test_it_never_lets_more_through_than_it_says(self, amount: int) -> None:
        rate = rate_of(amount, MINUTE)
        assert rate.amount == amount
        assert rate.emission_us * amount >= MINUTE * 1_000_000
        assert rate.tolerance_us == rate.emission_us * amount

    def test_a_share_of_a_limit_lets_something_through(self) -> None:
        assert rate_of(0.2, MINUTE).amount == 1


class TestBurst:
    def test_the_whole_amount_goes_at_once_and_not_one_more(self, budgets: LocalBudgets) -> None:
        assert verdicts(budgets, Limit("x", 10, MINUTE), 12) == [ADMITTED] * 10 + [REFUSED] * 2

    def test_one_comes_back_at_a_time(self, budgets: LocalBudgets, clock: Clock) -> None:
        limit = Limit("x", 10, MINUTE)
        verdicts(budgets, limit, 10)
        clock.advance(5.999)
        assert verdicts(budgets, limit, 1) == [REFUSED]
        clock.advance(0.001)
        assert verdicts(budgets, limit, 2) == [ADMITTED, REFUSED]

    @pytest.mark.parametrize("into_the_minute", [0.0, 59.9, 30.0])
    def test_the_edge_of_a_window_doubles_nothing(
        self, budgets: LocalBudgets, clock: Clock, into_the_minute: float
    ) -> None:
        """Of a counter for each minute, 200 would pass in the 0.2 s around its edge."""
        limit = Limit("x", 100, MINUTE)
        clock.advance(into_the_minute)
        passed = verdicts(budgets, limit, 150).count(ADMITTED)
        clock.advance(0.2)
        passed += verdicts(budgets, limit, 150).count(ADMITTED)
        assert passed == 100

    def test_in_the_long_run_the_rate_holds(self, budgets: LocalBudgets, clock: Clock) -> None:
        limit, passed = Limit("x", 100, MINUTE), 0
        for _ in range(6000):
            passed += verdicts(budgets, limit, 1).count(ADMITTED)
            clock.advance(0.1)
        assert passed == 100 + 999


class TestSeveral:
    def test_a_refusal_charges_nothing(self, budgets: LocalBudgets) -> None:
        wide, narrow = Limit("wide", 100, MINUTE), Limit("narrow", 1, MINUTE)
        settled(budgets, (wide, 1), (narrow, 1))
        for _ in range(50):
            assert settled(budgets, (wide, 1), (narrow, 1)).verdict == REFUSED
        assert settled(budgets, (wide, 1)).remaining == 98

    def test_the_one_with_the_least_left_is_named(self, budgets: LocalBudgets) -> None:
        charge = settled(budgets, (Limit("a", 100, MINUTE), 1), (Limit("b", 5, MINUTE), 1), (Limit("c", 50, MINUTE), 1))
        assert (charge.limit and charge.limit.name, charge.remaining) == ("b", 4)

    def test_of_several_refusals_the_longest_wait_is_told_so_that_it_is_enough(
        self, budgets: LocalBudgets, clock: Clock
    ) -> None:
        quick, slow = Limit("quick", 1, 1), Limit("slow", 1, MINUTE)
        settled(budgets, (quick, 1), (slow, 1))
        refused = settled(budgets, (quick, 1), (slow, 1))
        assert (refused.limit and refused.limit.name, refused.wait_seconds) == ("slow", MINUTE)
        clock.advance(refused.wait_seconds)
        assert settled(budgets, (quick, 1), (slow, 1)).verdict == ADMITTED

    def test_payers_have_budgets_of_their_own(self, budgets: LocalBudgets) -> None:
        limit = Limit("x", 1, MINUTE)
        assert verdicts(budgets, limit, 1, payer="ann") == verdicts(budgets, limit, 1, payer="bob") == [ADMITTED]


class TestCost:
    def test_many_at_once_are_charged_wholly_or_not_at_all(self, budgets: LocalBudgets) -> None:
        limit = Limit("x", 100, MINUTE)
        assert settled(budgets, (limit, 60)).remaining == 40
        refused = settled(budgets, (limit, 41))
        assert (refused.verdict, refused.remaining, refused.wait_us) == (REFUSED, 40, 600_000)
        assert settled(budgets, (limit, 40)).remaining == 0

    def test_nothing_is_only_a_look(self, budgets: LocalBudgets) -> None:
        limit = Limit("x", 3, MINUTE)
        settled(budgets, (limit, 1))
        for _ in range(5):
            assert settled(budgets, (limit, 0)).remaining == 2
        assert (limit.admitted, limit.refused) == (1, 0)


class TestScale:
    def test_what_is_used_up_stays_used_up_in_proportion(self, budgets: LocalBudgets) -> None:
        limit = Limit("x", 100, MINUTE)
        settled(budgets, (limit, 50))
        limit.rescale(0.5)
        assert settled(budgets, (limit, 0)).remaining == 25
        limit.rescale(1.0)
        assert settled(budgets, (limit, 0)).remaining == 50


class TestMemory:
    def test_it_is_bounded_and_the_least_recently_used_is_forgotten(self, clock: Clock) -> None:
        budgets, limit = LocalBudgets(keys_maximum=100, clock=clock), Limit("x", 1, MINUTE)
        for number in range(1000):
            verdicts(budgets, limit, 1, payer=str(number))
        assert len(budgets) == 100
        assert verdicts(budgets, limit, 1, payer="999") == [REFUSED]
        assert verdicts(budgets, limit, 1, payer="0") == [ADMITTED]
