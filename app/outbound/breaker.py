"""A circuit breaker: a server that keeps failing is left alone for a while, then tried by one call before all others.

Knows calls, failures and time. Refuses to know what is called.
Source: M. Nygard, Release It!, "Circuit Breaker".
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from app.outbound.provider import DeliveryFailed, Outgoing, Provider
from app.telemetry.logging import get_logger

FAILURES = 5
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0

State = Literal["closed", "open", "half_open"]

log = get_logger(__name__)


class BreakerOpen(Exception):
    """The call was not made; another may be after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"left alone for another {seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class BreakerFacts:
    """What a breaker has seen."""

    state: State
    failures_in_a_row: int
    times_opened: int


class Breaker:
    """Opens after `failures` in a row, for a pause that doubles each time that the probe after it fails."""

    def __init__(self, name: str, *, failures: int = FAILURES, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._limit = failures
        self._clock = clock
        self._state: State = "closed"
        self._failures = 0
        self._times_opened = 0
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._open_until = 0.0
        # What a call says counts only for the state that it was made in: a late failure must not undo a good probe.
        self._period = 0

    @property
    def facts(self) -> BreakerFacts:
        """The state as it is now."""
        return BreakerFacts(self._state, self._failures, self._times_opened)

    @contextmanager
    def call(self, is_failure: Callable[[Exception], bool]) -> Iterator[None]:
        """Lets a call pass and heeds how it ends. Raises BreakerOpen instead of entering while the circuit is open.

        An error that is no failure shows that the other side answers. Being cancelled shows nothing.
        """
        period = self._enter()
        try:
            yield
        except Exception as error:
            self._heed(period, succeeded=not is_failure(error))
            raise
        except BaseException:
            self._given_up(period)
            raise
        self._heed(period, succeeded=True)

    def _enter(self) -> int:
        if self._state == "closed":
            return self._period
        seconds = self._open_until - self._clock()
        if self._state == "half_open" or seconds > 0:
            raise BreakerOpen(max(seconds, 0.0))
        self._change("half_open")
        return self._period

    def _heed(self, period: int, *, succeeded: bool) -> None:
        if period != self._period:
            return
        if succeeded:
            self._failures = 0
            if self._state == "half_open":
                self._change("closed")
            return
        self._failures += 1
        if self._state == "half_open":
            self._open(min(self._pause_seconds * 2, LONGEST_PAUSE_SECONDS))
        elif self._failures >= self._limit:
            self._open(FIRST_PAUSE_SECONDS)

    def _given_up(self, period: int) -> None:
        if period == self._period and self._state == "half_open":
            self._change("open")  # The pause is over, so the next call is the probe.

    def _open(self, pause_seconds: float) -> None:
        self._times_opened += 1
        self._pause_seconds = pause_seconds
        self._open_until = self._clock() + pause_seconds
        self._change("open")

    def _change(self, state: State) -> None:
        self._state = state
        self._period += 1
        log.info("circuit breaker", breaker=self._name, state=state, failures=self._failures)


class WithBreaker:
    """A provider behind a breaker: what is refused for good does not open it, whatever else fails does."""

    def __init__(self, provider: Provider, breaker: Breaker) -> None:
        self._provider = provider
        self.breaker = breaker

    async def deliver(self, outgoing: Outgoing) -> None:
        """As Provider says, and at once while the circuit is open."""
        try:
            with self.breaker.call(_speaks_against_it):
                await self._provider.deliver(outgoing)
        except BreakerOpen as error:
            raise DeliveryFailed(str(error)) from error

    async def close(self) -> None:
        """As Provider says."""
        await self._provider.close()


def _speaks_against_it(error: Exception) -> bool:
    return isinstance(error, DeliveryFailed) and not error.is_final
