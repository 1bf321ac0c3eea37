"""How much speaks against a client within the window: in Redis for all processes, in this one while Redis is away.

Both count alike: a sliding window of distinct marks; evidence adds up, hints add up to half a threshold at most.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from app.rate_limits.budgets import BLOCK_PREFIX, PREFIX
from app.redis.connecting import Connected
from app.redis.scripts import Script

HINTS_SHARE = 0.5
# Of marks that one client has at once; what is older counts no more. Some hundred make a block.
_MARKS_MAXIMUM = 1000
_CLIENTS_MAXIMUM = 10_000

# Forgets the marks when they decide, so that exactly one process learns of it and acts.
_SCRIPT = Script(
    f"""
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local window, threshold, most_hints, block = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
for place = 5, #ARGV do redis.call('ZADD', KEYS[1], 'NX', now, ARGV[place]) end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -{_MARKS_MAXIMUM + 1})
redis.call('PEXPIRE', KEYS[1], window)
local marks = redis.call('ZRANGE', KEYS[1], 0, -1)
local evidence, hints = 0, 0
for _, mark in ipairs(marks) do
  local points, kind = string.match(mark, '^(%d+):(%a)')
  if kind == 'e' then evidence = evidence + tonumber(points) else hints = hints + tonumber(points) end
end
local total = evidence + math.min(hints, most_hints)
if total < threshold then return {{total, 0}} end
redis.call('DEL', KEYS[1])
if block > 0 then redis.call('SET', KEYS[2], '1', 'NX', 'PX', block) end
return {{total, 1, marks}}
"""
)


class Mark(NamedTuple):
    """One thing that speaks against somebody. Two with the same texts within a window are one."""

    points: int
    is_evidence: bool
    signal: str
    what: str

    @property
    def text(self) -> str:
        """As it is kept."""
        return f"{self.points}:{'e' if self.is_evidence else 'h'}:{self.signal}:{self.what}"


class Scored(NamedTuple):
    """The points of a client now, and, if they reach the threshold, the signals that made them, weightiest first."""

    points: int
    decided_by: tuple[str, ...]

    @property
    def is_decided(self) -> bool:
        """True if the threshold is reached; the marks are forgotten then."""
        return bool(self.decided_by)


class Bounds(NamedTuple):
    """The window in milliseconds and the threshold in thousandths of a point."""

    window_ms: int
    threshold: int

    @property
    def most_hints(self) -> int:
        """What hints can add up to."""
        return int(self.threshold * HINTS_SHARE)


def digest(what: str) -> str:
    """A short text for any text: what marks are about may be long, and is nobody's business."""
    return hashlib.blake2b(what.encode("utf-8", "replace"), digest_size=8).hexdigest()


def score_key(client_key: str) -> str:
    """Where the marks of a client lie in Redis."""
    return f"{PREFIX}score:{client_key}"


def block_key(client_key: str) -> str:
    """The key that exists in Redis while a client is blocked; the script of the limits looks at it."""
    return BLOCK_PREFIX + client_key


async def score(
    connected: Connected, client_key: str, marks: Sequence[Mark], bounds: Bounds, *, block_ms: int
) -> Scored:
    """Adds the marks in Redis and returns what there is now. Blocks for `block_ms` at once if that decides, unless 0.

    One round trip. Raises RedisUnavailable, hiredis.ReplyError.
    """
    answer: list[Any] = await _SCRIPT.run(
        connected,
        (score_key(client_key), block_key(client_key)),
        bounds.window_ms,
        bounds.threshold,
        bounds.most_hints,
        block_ms,
        *[mark.text for mark in marks],
    )
    return Scored(answer[0], _signals(text.decode() for text in answer[2]) if answer[1] else ())


class LocalScores:
    """The same in this process alone, for ten thousand clients; of more, those quiet for longest are forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._marks: OrderedDict[str, dict[str, float]] = OrderedDict()

    def score(self, client_key: str, marks: Sequence[Mark], bounds: Bounds) -> Scored:
        """Adds the marks and returns what there is now."""
        now = self._clock()
        begin = now - bounds.window_ms / 1000
        kept = {text: at for text, at in self._marks.pop(client_key, {}).items() if at > begin}
        for mark in marks:
            kept.setdefault(mark.text, now)
        while len(kept) > _MARKS_MAXIMUM:
            del kept[next(iter(kept))]
        total = _total(kept, bounds)
        if total >= bounds.threshold:
            return Scored(total, _signals(kept))
        self._marks[client_key] = kept
        if len(self._marks) > _CLIENTS_MAXIMUM:
            self._marks.popitem(last=False)
        return Scored(total, ())


def _total(texts: Any, bounds: Bounds) -> int:
    points = {"e": 0, "h": 0}
    for text in texts:
        amount, kind, _ = text.split(":", 2)
        points[kind] += int(amount)
    return points["e"] + min(points["h"], bounds.most_hints)


def _signals(texts: Any) -> tuple[str, ...]:
    points: dict[str, int] = {}
    for text in texts:
        amount, _, signal, _ = text.split(":", 3)
        points[signal] = points.get(signal, 0) + int(amount)
    return tuple(sorted(points, key=lambda signal: -points[signal]))
