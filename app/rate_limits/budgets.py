"""Limits, and what one request is charged to them.

GCRA, the generic cell rate algorithm of ATM Forum TM 4.0 (1996), keeps one moment for each budget: when it will be
whole again. Nothing begins anew at the edge of a window, so no burst there can be twice as large. All times are integer
microseconds.
"""

import asyncio
from typing import NamedTuple

# One slot of a cluster, so that one script can read all budgets of a request.
PREFIX = "{todo:limits}:"
BLOCK_PREFIX = PREFIX + "block:"
# Nothing is ever kept below this one.
NO_BLOCK_PREFIX = PREFIX + "no-block:"

ADMITTED, REFUSED, BLOCKED = 0, 1, 2

_SECOND = 1_000_000

Headers = tuple[tuple[bytes, bytes], ...]


class Payer(NamedTuple):
    """The user, and the personal access token if there is one, who pays for a request; ids as text."""

    user_id: str
    token_id: str | None = None


class Rate(NamedTuple):
    """`amount` at once, and then one every `emission_us`: `amount` in each window at most, in the long run."""

    amount: int
    window_seconds: int
    emission_us: int
    # How far in the future the moment of being whole may lie: `amount` times the emission.
    tolerance_us: int


def rate_of(amount: float, window_seconds: int) -> Rate:
    """The rate of so many in a window; at least one. Rounded down, so that it never lets more through."""
    whole = max(1, int(amount + 1e-6))  # The last digit of a product must not cost one.
    emission_us = -(-window_seconds * _SECOND // whole)
    return Rate(whole, window_seconds, emission_us, emission_us * whole)


class Limit:
    """One limit by its name, as declared; `rate` is what holds at this moment (see `rescale`).

    `key` tells limits of the same name apart. `counts_items` is true where each item of a bulk request counts.
    """

    __slots__ = (
        "_amount",
        "_window_seconds",
        "admitted",
        "counts_items",
        "headers",
        "least_before",
        "least_remaining",
        "message",
        "name",
        "prefix",
        "quoted_name",
        "rate",
        "refused",
    )

    def __init__(
        self,
        name: str,
        amount: int,
        window_seconds: int,
        *,
        key: str = "",
        counts_items: bool = False,
        message: str = "",
    ) -> None:
        self.name = name
        self.prefix = f"{PREFIX}{key or name}:"
        self.counts_items = counts_items
        self.message = message
        self.quoted_name = f'"{name}"'.encode()
        self._amount = amount
        self._window_seconds = window_seconds
        self.admitted = 0
        self.refused = 0
        # Of this stretch of time and of the one before it.
        self.least_remaining: int | None = None
        self.least_before: int | None = None
        self.rescale(1.0)

    def rescale(self, factor: float) -> None:
        """Lets `factor` times as much through from now on. What is used up stays used up in proportion."""
        self.rate = rate = rate_of(self._amount * factor, self._window_seconds)
        policy = b"%s;q=%d;w=%d" % (self.quoted_name, rate.amount, rate.window_seconds)
        # Made here, since every answer carries them.
        self.headers: Headers = ((b"ratelimit-policy", policy), (b"x-ratelimit-limit", b"%d" % rate.amount))

    def note(self, remaining: int) -> None:
        """Notes what a request has left of it."""
        least = self.least_remaining
        if least is None or remaining < least:
            self.least_remaining = remaining

    @property
    def least_of_late(self) -> int | None:
        """The least that a request has left of it in the last two stretches of time; None if none has said."""
        return min((least for least in (self.least_remaining, self.least_before) if least is not None), default=None)

    def turn(self) -> None:
        """Begins a new stretch of time."""
        self.least_before, self.least_remaining = self.least_remaining, None


Item = tuple[Limit, str, int]
"""What a limit is charged: the budget's key, and the cost. A cost of 0 only looks."""


class Charge:
    """One request's items, all of which are charged, or none.

    `verdict` is None until it is known. The rest of the answer is about the limit that refused it, or else the one that
    has the least left: what remains of it, and the microseconds until it is whole again. For a refusal and for a block
    those until the same request would be let in.
    """

    __slots__ = ("_settled", "block_key", "is_told", "items", "limit", "remaining", "verdict", "wait_us")

    def __init__(self, block_key: str, items: tuple[Item, ...]) -> None:
        self.block_key = block_key
        self.items = items
        self.verdict: int | None = None
        self.limit: Limit | None = None
        self.remaining = 0
        self.wait_us = 0
        self.is_told = False
        # Made only for one who waits. Mostly the answer comes together with what is waited for anyway.
        self._settled: asyncio.Future[None] | None = None

    @property
    def wait_seconds(self) -> int:
        """`wait_us`, rounded up."""
        return -(-self.wait_us // _SECOND)

    async def wait(self) -> None:
        """Returns when the answer is there. One caller at a time."""
        if self.verdict is None:
            self._settled = asyncio.get_running_loop().create_future()
            await self._settled

    def settle(self, verdict: int, number: int, remaining: int, wait_us: int) -> None:
        """Takes the answer; `number` is that of the item that it is about, from 1, and 0 for none."""
        self.verdict, self.remaining, self.wait_us = verdict, remaining, wait_us
        if number:
            self.limit, _, cost = self.items[number - 1]
            if cost:
                self.limit.note(remaining)
                if verdict == REFUSED:
                    self.limit.refused += 1
        if verdict == ADMITTED:
            for limit, _, cost in self.items:
                if cost:
                    limit.admitted += 1
        if self._settled is not None and not self._settled.done():
            self._settled.set_result(None)
