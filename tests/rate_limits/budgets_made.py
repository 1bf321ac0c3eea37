"""Limits and charges for tests, and a clock that only they move."""

from dataclasses import dataclass

from app.rate_limits.budgets import BLOCK_PREFIX, Charge, Limit
from app.rate_limits.in_process import LocalBudgets
from app.rate_limits.shared import SharedBudgets
from app.redis.link import Link

MINUTE = 60
DAY = 86_400
CLIENT = "203.0.113.9"


class Clock:
    """Nanoseconds that pass when a test says so, from the edge of a minute on."""

    def __init__(self) -> None:
        self.now = 100 * MINUTE * 1_000_000_000

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        self.now += round(seconds * 1_000_000_000)


def charge_of(*items: tuple[Limit, int], payer: str = "ann", client: str = CLIENT) -> Charge:
    """A charge of these limits at these costs."""
    return Charge(BLOCK_PREFIX + client, tuple((limit, limit.prefix + payer, cost) for limit, cost in items))


def settled(budgets: LocalBudgets, *items: tuple[Limit, int], payer: str = "ann") -> Charge:
    """The same, charged to the budgets of one process."""
    charge = charge_of(*items, payer=payer)
    budgets.charge(charge)
    return charge


def verdicts(budgets: LocalBudgets, limit: Limit, times: int, *, payer: str = "ann") -> list[int | None]:
    """What becomes of so many requests, one after the other."""
    return [settled(budgets, (limit, 1), payer=payer).verdict for _ in range(times)]


@dataclass(frozen=True)
class Sharing:
    """What one process counts in Redis, and what it counts alone."""

    link: Link
    budgets: SharedBudgets
    local: LocalBudgets

    async def charge(self, *items: tuple[Limit, int], payer: str = "ann", client: str = CLIENT) -> Charge:
        """One charge, settled."""
        charge = charge_of(*items, payer=payer, client=client)
        self.begin(charge)
        await charge.wait()
        return charge

    def begin(self, charge: Charge) -> None:
        """Charges without waiting."""
        if not self.budgets.add(charge):
            self.local.charge(charge)

    async def verdicts(self, limit: Limit, times: int) -> list[int | None]:
        """What becomes of so many requests of one turn of the event loop."""
        charges = [charge_of((limit, 1)) for _ in range(times)]
        for charge in charges:
            self.begin(charge)
        for charge in charges:
            await charge.wait()
        return [charge.verdict for charge in charges]
