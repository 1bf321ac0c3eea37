"""How many requests one process works on at once, learned from how long they take.

Knows latencies and one number; refuses to know requests, queues and clocks. Sources: the update rule of FAST TCP (Jin,
Wei and Low, 2004) with the tolerance of Netflix's gradient limit; what is normal is measured under a lowered limit, as
by Envoy's adaptive concurrency filter.
"""

# Also what may be in progress beyond what the latency explains. Fewer than the database connections of a process would
# leave some of them idle, and a process that computes is busy with far fewer.
FEWEST = 16
WINDOW_SAMPLES = 64
# How much slower than the reference is still no sign of a queue: the mix of routes moves a median by as much.
TOLERANCE = 2.0
REFERENCE_SECONDS = 60.0
# Half of the way at each window: the window still holds requests that began under an older limit.
_STEP = 0.5


class ConcurrencyLimit:
    """A number between `fewest` and `most`. It begins at `most`, and moves only while requests have to wait for it.

    So nobody is ever made to wait because of latencies alone, as long as fewer than `most` are in progress at once.
    """

    def __init__(self, *, most: int, fewest: int = FEWEST, kinds: int = 1) -> None:
        """`kinds` are the numbers of kinds of requests that have latencies of their own."""
        self.value = most
        # Set by whoever lets a request wait for this limit.
        self.was_reached = False
        self._most = most
        self._fewest = min(fewest, most)
        # Latencies to leave out, since they are of requests that began before the limit was lowered for a measurement.
        self._outdated = 0
        self._windows = tuple(_Window() for _ in range(kinds))

    def learn(self, kind: int, seconds: float, now: float) -> None:
        """Takes one latency of requests of one kind into account; every 64th of them may move the limit."""
        if self._outdated:
            self._outdated -= 1
            return
        window = self._windows[kind]
        samples = window.samples
        samples.append(seconds)
        if len(samples) >= WINDOW_SAMPLES:
            # The median, since a few slow routes in the mix are no sign of anything.
            median = sorted(samples)[WINDOW_SAMPLES // 2]
            samples.clear()
            self._close(window, median, now)

    def _close(self, window: "_Window", median: float, now: float) -> None:
        was_reached, self.was_reached = self.was_reached, False
        if now - window.reference_since > REFERENCE_SECONDS:
            window.reference = None
        if not was_reached or self.value == self._fewest:
            window.refer_to(median, now)
        if not was_reached:
            return
        if window.reference is None:
            # Under this load nobody can tell what is normal: after a restart in a storm, or if the storm lasts. The
            # next window can, with little in progress.
            self.value = self._fewest
            self._outdated = self._most
            return
        explained = min(1.0, TOLERANCE * window.reference / median) if median else 1.0
        aim = explained * self.value + self._fewest
        self.value = round(min(max(self.value + _STEP * (aim - self.value), self._fewest), self._most))


class _Window:
    """The latest latencies of one kind, and the lowest median of a minute under which nobody waited."""

    __slots__ = ("reference", "reference_since", "samples")

    def __init__(self) -> None:
        self.samples: list[float] = []
        self.reference: float | None = None
        self.reference_since = 0.0

    def refer_to(self, median: float, now: float) -> None:
        if self.reference is None:
            self.reference, self.reference_since = median, now
        self.reference = min(self.reference, median)
