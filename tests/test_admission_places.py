"""A place is neither lost nor given twice, whatever happens to whoever holds or wants it."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.admission import Admission, Lane, Outcome, Ticket
from app.concurrency_limit import ConcurrencyLimit

LANES = ("writes", "reads", "passwords", "exports")


class Bell:
    """Rings once."""

    has_rung = False

    def ring(self) -> None:
        assert not self.has_rung
        self.has_rung = True


class Places(RuleBasedStateMachine):
    """Any order of arrivals, answers, cancellations, lendings, limits and time."""

    @initialize(places=st.integers(1, 40), max_waiting=st.integers(0, 12))
    def open(self, places: int, max_waiting: int) -> None:
        self.admission = Admission(ConcurrencyLimit(most=places), max_waiting=max_waiting)
        self.most = places
        self.max_waiting = max_waiting
        self.now = 1_000.0
        self.working: list[Lane] = []
        self.lent: list[Lane] = []
        self.tickets: dict[Ticket, Bell] = {}

    def lane(self, name: str) -> Lane:
        lane = getattr(self.admission, name)
        assert isinstance(lane, Lane)
        return lane

    @rule(name=st.sampled_from(LANES))
    def arrive(self, name: str) -> None:
        lane = self.lane(name)
        if self.admission.try_enter(lane):
            self.working.append(lane)
            return
        bell = Bell()
        self.tickets[self.admission.enqueue(lane, self.now, bell.ring)] = bell

    @rule()
    def notice(self) -> None:
        """Those who were woken go on."""
        for ticket in [ticket for ticket, bell in self.tickets.items() if bell.has_rung]:
            del self.tickets[ticket]
            assert ticket.outcome in {Outcome.ADMITTED, Outcome.REFUSED}
            if ticket.outcome is Outcome.ADMITTED:
                self.working.append(ticket.lane)

    @precondition(lambda self: self.working)
    @rule(which=st.integers(0, 1_000), limit=st.none() | st.integers(1, 40))
    def answer(self, which: int, limit: int | None) -> None:
        if limit is not None:
            self.admission.limit.value = min(limit, self.most)
        self.admission.leave(self.working.pop(which % len(self.working)))

    @precondition(lambda self: self.tickets)
    @rule(which=st.integers(0, 1_000))
    def cancel(self, which: int) -> None:
        """Whether it waits, has just been let in, or has just been refused."""
        ticket = list(self.tickets)[which % len(self.tickets)]
        del self.tickets[ticket]
        self.admission.abandon(ticket)

    @precondition(lambda self: self.working)
    @rule(which=st.integers(0, 1_000))
    def lend(self, which: int) -> None:
        lane = self.working.pop(which % len(self.working))
        self.admission.leave(lane)
        self.lent.append(lane)

    @precondition(lambda self: self.lent)
    @rule()
    def take_back(self) -> None:
        lane = self.lent.pop()
        self.admission.take_back(lane)
        self.working.append(lane)

    @rule(seconds=st.floats(0, 8))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.admission.expire(self.now)

    @invariant()
    def each_place_is_held_by_one(self) -> None:
        admitted = [ticket.lane for ticket in self.tickets if ticket.outcome is Outcome.ADMITTED]
        assert self.admission.in_progress == len(self.working) + len(admitted)
        for name in LANES:
            lane = self.lane(name)
            assert lane.held == self.working.count(lane) + admitted.count(lane)

    @invariant()
    def each_ticket_waits_in_one_queue(self) -> None:
        undecided = [ticket for ticket in self.tickets if ticket.outcome is Outcome.UNDECIDED]
        assert self.admission.waiting == len(undecided) <= self.max_waiting
        for name in LANES:
            lane = self.lane(name)
            assert list(lane.tickets) == [ticket for ticket in undecided if ticket.lane is lane]

    @invariant()
    def nobody_waits_while_there_is_a_place(self) -> None:
        limit = self.admission.limit.value
        if self.admission.in_progress < limit:
            for name in LANES:
                lane = self.lane(name)
                assert not lane.tickets or (lane.held and (lane.held + 1) * lane.share > limit)

    @invariant()
    def whoever_is_let_in_is_told(self) -> None:
        for ticket, bell in self.tickets.items():
            assert bell.has_rung or ticket.outcome is not Outcome.ADMITTED
            assert not (bell.has_rung and ticket.outcome is Outcome.UNDECIDED)

    def teardown(self) -> None:
        if not hasattr(self, "admission"):
            return
        while self.working or self.tickets:
            for ticket in self.tickets:
                self.admission.abandon(ticket)
            self.tickets = {}
            if self.working:
                self.admission.leave(self.working.pop())
        snapshot = self.admission.snapshot()
        assert (snapshot.in_progress, snapshot.waiting) == (0, 0)
        assert not self.admission.has_undecided
        assert all((counts.in_progress, counts.waiting) == (0, 0) for counts in snapshot.lanes.values())


TestPlacesAreNeverLost = Places.TestCase
TestPlacesAreNeverLost.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
