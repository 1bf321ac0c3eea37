"""Who may work now, who waits for a place, and who is refused: places in progress and a bounded queue of four lanes.

Knows lanes, places and moments; refuses to know HTTP, tasks and timers. Nothing here waits: a ticket is decided once,
and its `wake` is called. The patience that shrinks is CoDel, as used for requests in "Fail at Scale" (ACM Queue, 2015).
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from random import getrandbits

from app.concurrency_limit import ConcurrencyLimit

PATIENCE_SECONDS = 1.0
# For each in a lane that has not been empty for as long as the patience: its queue only adds latency.
SHORT_PATIENCE_SECONDS = 0.1
SLOW_PATIENCE_FACTOR = 5
PLACES_PASSED_OVER = 8
ANSWERS_PER_REFUSAL = 4
# How fast refusals leave when nothing else does.
REFUSALS_PER_SECOND = 100
REFUSALS_AT_ONCE = 100
REFUSAL_SECONDS = 10.0


class Outcome(Enum):
    """What has become of a ticket; undecided while it waits."""

    UNDECIDED = "undecided"
    ADMITTED = "admitted"
    REFUSED = "refused"
    ABANDONED = "abandoned"


class Ticket:
    """One request that asked for a place. Once ADMITTED it holds one, whether or not anybody has noticed.

    `wake` is called when the request may go on. For a refusal, that may be later than the decision.
    """

    __slots__ = ("lane", "outcome", "since", "wake")

    def __init__(self, lane: "Lane", since: float, wake: Callable[[], object]) -> None:
        self.lane = lane
        self.since = since
        self.wake = wake
        self.outcome = Outcome.UNDECIDED


class Lane:
    """One class of requests: its queue, oldest first, and its counts.

    It holds at most one of every `share` places, but one in any case: the requests of a lane that has slowed down would
    otherwise gather in all places. A slow lane is one whose requests take long by design; they may wait longer.
    """

    __slots__ = (
        "admitted",
        "held",
        "is_slow",
        "name",
        "passed_over",
        "patience",
        "refused",
        "share",
        "standing_since",
        "tickets",
    )

    def __init__(self, name: str, *, share: int, is_slow: bool = False) -> None:
        self.name = name
        self.share = share
        self.is_slow = is_slow
        self.patience = SLOW_PATIENCE_FACTOR if is_slow else 1
        self.tickets: OrderedDict[Ticket, None] = OrderedDict()
        self.held = 0
        self.admitted = 0
        self.refused = 0
        # Places that went to higher lanes while somebody waited here.
        self.passed_over = 0
        # Since when somebody has been waiting here without a break.
        self.standing_since = 0.0


@dataclass(frozen=True)
class LaneCounts:
    """One lane at a moment: requests in progress and waiting, and how many were let in and refused since the start."""

    in_progress: int
    waiting: int
    admitted: int
    refused: int


@dataclass(frozen=True)
class AdmissionSnapshot:
    """All lanes at a moment, by name."""

    limit: int
    in_progress: int
    waiting: int
    lanes: dict[str, LaneCounts]


class Admission:
    """Places up to a limit, and a queue of at most `max_waiting` in front of them.

    While somebody waits, refusals leave one for every four places that are given back, at least a hundred a second, and
    none later than after ten seconds: a client that is refused asks again on the same connection, at once if it is
    rude. As fast as they are made, refusals would take the whole process.

    While nothing waits, entering and leaving are a comparison and a few additions each. It belongs to one event loop.
    """

    def __init__(self, limit: ConcurrencyLimit, *, max_waiting: int) -> None:
        self.limit = limit
        self.in_progress = 0
        self.waiting = 0
        self.writes = Lane("writes", share=2)
        self.reads = Lane("reads", share=1)
        # Below the reads: places are not what those wait for, and a flood of them must not fill the queue.
        self.passwords = Lane("passwords", share=4, is_slow=True)
        self.exports = Lane("exports", share=4, is_slow=True)
        self._lanes = (self.writes, self.reads, self.passwords, self.exports)
        self._max_waiting = max_waiting
        self._held_back: OrderedDict[Ticket, None] = OrderedDict()
        self._answers = 0
        self._refusals_left = float(REFUSALS_AT_ONCE)
        self._refusals_left_at = 0.0

    @property
    def has_undecided(self) -> bool:
        """True while anybody waits, be it for a refusal to leave: then `expire` is to be called again and again."""
        return bool(self.waiting or self._held_back)

    def try_enter(self, lane: Lane) -> bool:
        """Takes a place if there is one to be had at once; False otherwise. Overtakes nobody of its lane or above."""
        # While a place is free, whoever waits does so because its lane has used its share up.
        limit = self.limit.value
        if self.in_progress >= limit or (lane.held and (lane.held + 1) * lane.share > limit):
            return False
        self.in_progress += 1
        lane.held += 1
        lane.admitted += 1
        return True

    def enqueue(self, lane: Lane, now: float, wake: Callable[[], object]) -> Ticket:
        """A ticket that waits for a place, or is REFUSED; `wake` may be called before this returns.

        When the queue is full, the newest of the lowest lane gives way to a newcomer of a higher one.
        """
        ticket = Ticket(lane, now, wake)
        if not lane.is_slow:
            self.limit.was_reached = True
        if self.waiting >= self._max_waiting and not self._displace_for(lane, now):
            self._refuse(ticket, now)
            return ticket
        if not lane.tickets:
            lane.standing_since = now
        lane.tickets[ticket] = None
        self.waiting += 1
        return ticket

    def leave(self, lane: Lane) -> None:
        """Gives a place back; it goes to whoever waits for it."""
        self.in_progress -= 1
        lane.held -= 1
        if self.waiting:
            self._hand_over()
        if self._held_back:
            self._answers += 1
            if self._answers % ANSWERS_PER_REFUSAL == 0:
                self._held_back.popitem(last=False)[0].wake()

    def take_back(self, lane: Lane) -> None:
        """Takes a place that was given back for a while, above the limit if need be."""
        self.in_progress += 1
        lane.held += 1

    def abandon(self, ticket: Ticket) -> None:
        """Whoever had the ticket has gone: it leaves the queue, or gives back the place that it has just got."""
        if ticket.outcome is Outcome.UNDECIDED:
            del ticket.lane.tickets[ticket]
            self.waiting -= 1
            ticket.outcome = Outcome.ABANDONED
        elif ticket.outcome is Outcome.ADMITTED:
            ticket.outcome = Outcome.ABANDONED
            self.leave(ticket.lane)
        elif ticket.outcome is Outcome.REFUSED:
            ticket.outcome = Outcome.ABANDONED
            self._held_back.pop(ticket, None)

    def expire(self, now: float) -> None:
        """Refuses those who have waited too long, and lets out refusals."""
        for lane in self._lanes:
            is_standing = now - lane.standing_since > PATIENCE_SECONDS * lane.patience
            patience = (SHORT_PATIENCE_SECONDS if is_standing else PATIENCE_SECONDS) * lane.patience
            while lane.tickets and next(iter(lane.tickets)).since + patience <= now:
                self.waiting -= 1
                self._refuse(lane.tickets.popitem(last=False)[0], now)
        for _ in range(min(REFUSALS_AT_ONCE, len(self._held_back))):
            oldest = next(iter(self._held_back))
            # While somebody waits, refusals would take the time of the work that is waited for.
            if self.waiting and oldest.since + REFUSAL_SECONDS > now and not self._may_refuse(now):
                return
            del self._held_back[oldest]
            oldest.wake()

    def retry_after_seconds(self, lane: Lane, now: float) -> int:
        """When one that was refused should ask again: later the fuller the queue is and the longer the lane stands.

        1 to 30, drawn at random, so that those who were refused together do not come back together.
        """
        fill = self.waiting / self._max_waiting if self._max_waiting else 1.0
        standing = min(max(now - lane.standing_since, 0.0), 20.0) if lane.tickets else 0.0
        return 1 + getrandbits(16) % int(2 + 8 * fill + standing)

    def snapshot(self) -> AdmissionSnapshot:
        """The counts of this moment."""
        lanes = {
            lane.name: LaneCounts(lane.held, len(lane.tickets), lane.admitted, lane.refused) for lane in self._lanes
        }
        return AdmissionSnapshot(self.limit.value, self.in_progress, self.waiting, lanes)

    def _hand_over(self) -> None:
        while self.in_progress < self.limit.value and (lane := self._next_lane()) is not None:
            ticket, _ = lane.tickets.popitem(last=False)
            self.waiting -= 1
            self.in_progress += 1
            lane.held += 1
            lane.admitted += 1
            ticket.outcome = Outcome.ADMITTED
            ticket.wake()

    def _next_lane(self) -> Lane | None:
        """The highest lane in which somebody can go, unless a lower one has been passed over for too long.

        So a lower lane with waiters gets at least about every ninth place, whatever comes above it.
        """
        limit = self.limit.value
        ready = [
            lane for lane in self._lanes if lane.tickets and (not lane.held or (lane.held + 1) * lane.share <= limit)
        ]
        if not ready:
            return None
        chosen = next((lane for lane in ready if lane.passed_over >= PLACES_PASSED_OVER), ready[0])
        for lane in ready:
            lane.passed_over += 1
        chosen.passed_over = 0
        return chosen

    def _displace_for(self, newcomer: Lane, now: float) -> bool:
        lowest = next((lane for lane in reversed(self._lanes) if lane.tickets), newcomer)
        if self._lanes.index(lowest) <= self._lanes.index(newcomer):
            return False
        self.waiting -= 1
        self._refuse(lowest.tickets.popitem()[0], now)
        return True

    def _refuse(self, ticket: Ticket, now: float) -> None:
        ticket.lane.refused += 1
        ticket.outcome = Outcome.REFUSED
        if not self._held_back and self._may_refuse(now):
            ticket.wake()
            return
        ticket.since = now
        self._held_back[ticket] = None

    def _may_refuse(self, now: float) -> bool:
        gained = (now - self._refusals_left_at) * REFUSALS_PER_SECOND
        self._refusals_left = min(self._refusals_left + gained, REFUSALS_AT_ONCE)
        self._refusals_left_at = now
        if self._refusals_left < 1:
            return False
        self._refusals_left -= 1
        return True
