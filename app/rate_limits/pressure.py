"""How far limits are lowered while this process has more to do than it can: the less, the longer that lasts.

Knows places in progress and queues; refuses to know requests and Redis. Down by a factor and up by a step, as TCP does
(AIMD, Chiu and Jain, 1989): quick to give way and slow to come back, so that processes which share a load end up alike.
"""

from app.admission import Admission

LOOK_SECONDS = 1.0
LOWERED_TO = 0.7
RAISED_PER_SECOND = 0.1


class Pressure:
    """`scale` is what limits are multiplied with: 1.0 without load, never below `floor`."""

    def __init__(self, admission: Admission, *, floor: float) -> None:
        self.scale = 1.0
        self._admission = admission
        self._floor = floor
        # Of those whose requests are short: passwords and exports queue for reasons of their own.
        self._lanes = (admission.writes, admission.reads)
        self._most = admission.limit.value
        self._refused = 0
        self._looked_at: float | None = None

    def look(self, now: float) -> bool:
        """Takes the load of this moment into account; to be called about once a second. True if the scale has changed.

        `now` in seconds. What has passed since the last look, however long, counts as quiet if this look is.
        """
        before = self.scale
        seconds = LOOK_SECONDS if self._looked_at is None else now - self._looked_at
        self._looked_at = now
        if self._is_overloaded():
            self.scale = max(self._floor, before * LOWERED_TO)
        else:
            self.scale = min(1.0, before + RAISED_PER_SECOND * seconds)
        return self.scale != before

    def _is_overloaded(self) -> bool:
        """True if requests were refused since the last look, or if more wait than are in progress.

        Under a limit that was lowered, because answers have become slow, it is enough that somebody waits.
        """
        refused = sum(lane.refused for lane in self._lanes)
        were_refused, self._refused = refused > self._refused, refused
        waiting = sum(len(lane.tickets) for lane in self._lanes)
        limit = self._admission.limit.value
        return were_refused or waiting > limit or (waiting > 0 and limit < self._most)
