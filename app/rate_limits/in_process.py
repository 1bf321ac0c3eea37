"""Budgets of one process, for as long as Redis cannot be asked: the same rules as charge.lua, on this process's clock.

Each process then lets a limit's whole amount through: N processes together N times as much. What was used up in Redis
is not known here, nor the other way round. Memory is bounded: beyond that, the budget that was used least recently is
forgotten, and so is whole again.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

from app.rate_limits.budgets import ADMITTED, REFUSED, Charge

KEYS_MAXIMUM = 50_000


class LocalBudgets:
    """`clock` counts nanoseconds, and only forwards."""

    def __init__(self, *, keys_maximum: int = KEYS_MAXIMUM, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._keys_maximum = keys_maximum
        self._clock = clock
        self._whole_at: OrderedDict[str, int] = OrderedDict()
        self.decisions = 0

    def __len__(self) -> int:
        return len(self._whole_at)

    def charge(self, charge: Charge) -> None:
        """Settles it at once."""
        self.decisions += 1
        now = self._clock() // 1000
        verdict, chosen, remaining, wait_us = ADMITTED, 0, 0, 0
        debts: list[int] = []
        for number, (limit, key, cost) in enumerate(charge.items, start=1):
            _, _, emission_us, tolerance_us = limit.rate
            debt = max(self._whole_at.get(key, 0) - now, 0)
            after = debt + emission_us * cost
            debts.append(after)
            if after > tolerance_us:
                if verdict == ADMITTED or after - tolerance_us > wait_us:
                    verdict, chosen, wait_us = REFUSED, number, after - tolerance_us
                    remaining = max((tolerance_us - debt) // emission_us, 0)
            elif verdict == ADMITTED:
                left = (tolerance_us - after) // emission_us
                if not chosen or left < remaining:
                    chosen, remaining, wait_us = number, left, after
        if verdict == ADMITTED:
            for (_, key, cost), after in zip(charge.items, debts, strict=True):
                if cost:
                    self._whole_at[key] = now + after
                    self._whole_at.move_to_end(key)
            while len(self._whole_at) > self._keys_maximum:
                self._whole_at.popitem(last=False)
        charge.settle(verdict, chosen, remaining, wait_us)
