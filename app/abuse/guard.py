"""Decides what becomes of clients: notes what speaks against them, slows them down, blocks them.

Nobody waits for it: what is noted goes to Redis after the answer, and the database learns of a block in a task of its
own. It refuses to know requests; the layer in front tells it what they were.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from secrets import token_hex

import hiredis

from app.abuse import logins, scores
from app.abuse.blocklist import Blocklist
from app.abuse.exemptions import Exemptions
from app.abuse.logins import LocalTries, Try, Verdict
from app.abuse.scores import Bounds, LocalScores, Mark, Scored
from app.abuse.signals import MOMENT_SECONDS, WEIGHTS, Signal
from app.database.errors import DatabaseUnavailable
from app.database.executor import Database
from app.domain.blocks import commands
from app.domain.blocks.block import SHORTEST
from app.keys import keys_for
from app.redis.link import Link
from app.redis.pipeline import RedisUnavailable
from app.settings import Settings
from app.telemetry.logging import get_logger, log_once_a_minute

# From half the threshold on, a client waits for as many seconds as it has thresholds: half a second, up to one.
SLOWED_SHARE = 0.5
# What is under way at once; beyond, signals are counted and dropped: an attack must not become memory.
_TASKS_MAXIMUM = 1000
_SLOWED_MAXIMUM = 10_000

log = get_logger(__name__)


@dataclass
class Counts:
    """What was seen and done since the process started."""

    signals: dict[str, int] = field(default_factory=dict)
    dropped_signals: int = 0
    slowed: int = 0
    refused: int = 0
    throttled_logins: int = 0
    attacked_logins: int = 0
    blocks: int = 0
    shadow_blocks: int = 0


class Guard:
    """One per process."""

    def __init__(self, settings: Settings, database: Database, link: Link | None) -> None:
        threat = settings.threat
        self._database = database
        self._link = link
        self._is_shadow = threat.is_shadow
        self._bounds = Bounds(threat.window_seconds * 1000, int(threat.threshold * 1000))
        self._account_key = keys_for(settings.security, "login tries").current
        self.is_exempt = Exemptions(settings).covers
        self.blocklist = Blocklist(database.reader, link, is_exempt=self.is_exempt)
        self.counts = Counts()
        # By client: until when it is slowed down by this process' clock, and for how many seconds each time.
        self.slowed: dict[str, tuple[float, float]] = {}
        self._local_scores = LocalScores()
        self._local_tries = LocalTries()
        self._tasks: set[asyncio.Task[None]] = set()
        self._warn = log_once_a_minute(log)

    def note(self, signal: Signal, *, client_key: str, what: str) -> None:
        """Something that a client did, and `what` it was about: a path, for example, where each is counted once.

        Returns at once. What follows from it (a log line, a delay, a block) follows for the next requests.
        """
        self.note_all([(signal, what)], client_key=client_key)

    def note_all(self, signals: Iterable[tuple[Signal, str]], *, client_key: str) -> None:
        """Several at once, in one round trip."""
        marks = []
        for signal, what in signals:
            self.counts.signals[signal] = self.counts.signals.get(signal, 0) + 1
            marks.append(_mark(signal, what))
        if not marks or self.is_exempt(client_key):
            return
        self._start(self._score(client_key, marks))

    def delay_seconds(self, client_key: str) -> float:
        """How long a request of this client has to wait, 0 if it has not."""
        until, delay = self.slowed.get(client_key, (0.0, 0.0))
        if until > time.monotonic():
            return delay
        self.slowed.pop(client_key, None)
        return 0.0

    async def begin_login(self, email: str, client_key: str) -> tuple[Try, Verdict]:
        """Counts a try to log in, before its password is looked at. One round trip; none without Redis."""
        # Not the request's id: clients may choose that, and one try under one id would be the same again.
        one = Try(logins.account_key(self._account_key, email), client_key, token_hex(8))
        if self.is_exempt(client_key):
            return one, Verdict(0, 0)
        verdict = await self._begin(one)
        if self._is_shadow and verdict.wait_seconds:
            self._warn("login would be throttled")
            verdict = Verdict(0, verdict.on_account)
        self.counts.throttled_logins += verdict.wait_seconds > 0
        if verdict.is_attacked:
            self.counts.attacked_logins += 1
            # By its key: an operator can count accounts, and nobody learns which they are.
            self._warn("account under attack", account_key=one.account_key, tries=verdict.on_account)
        return one, verdict

    def end_login(self, one: Try, *, is_proven: bool) -> None:
        """The try was not wrong: either it has proved who they are, or it came to nothing for another reason."""
        self._local_tries.forget(one, is_proven=is_proven)
        if self._link is not None and self._link.connected is not None:
            logins.forget(self._link.connected, one, is_proven=is_proven)

    async def close(self) -> None:
        """Waits for what is under way, two seconds at most."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2.0)

    async def _begin(self, one: Try) -> Verdict:
        connected = self._link.connected if self._link is not None else None
        if connected is not None:
            try:
                return await logins.begin(connected, one, self._bounds.window_ms)
            except (RedisUnavailable, hiredis.ReplyError):
                self._warn("tries are counted in this process alone")
        return self._local_tries.begin(one, self._bounds.window_ms)

    async def _score(self, client_key: str, marks: list[Mark]) -> None:
        scored = await self._scored(client_key, marks)
        share = scored.points / self._bounds.threshold
        if scored.is_decided:
            await self._decide(client_key, scored)
        elif share >= SLOWED_SHARE:
            log.info("client slowed down", client_address=client_key, points=scored.points / 1000)
            if not self._is_shadow:
                self._slow(client_key, share)

    async def _scored(self, client_key: str, marks: list[Mark]) -> Scored:
        connected = self._link.connected if self._link is not None else None
        if connected is not None:
            block_ms = 0 if self._is_shadow else int(SHORTEST.total_seconds() * 1000)
            try:
                return await scores.score(connected, client_key, marks, self._bounds, block_ms=block_ms)
            except (RedisUnavailable, hiredis.ReplyError):
                self._warn("clients are scored in this process alone")
        return self._local_scores.score(client_key, marks, self._bounds)

    def _slow(self, client_key: str, share: float) -> None:
        self.slowed.pop(client_key, None)
        self.slowed[client_key] = (time.monotonic() + self._bounds.window_ms / 1000, share)
        if len(self.slowed) > _SLOWED_MAXIMUM:
            del self.slowed[next(iter(self.slowed))]

    async def _decide(self, client_key: str, scored: Scored) -> None:
        """Enough speaks against the client: it is blocked here at once, and for good once the database knows it."""
        signals, points = list(scored.decided_by), scored.points / 1000
        if self._is_shadow:
            self.counts.shadow_blocks += 1
            log.warning("client would be blocked", client_address=client_key, signals=signals, points=points)
            return
        self.slowed.pop(client_key, None)
        if self.blocklist.seconds_left(client_key) < SHORTEST.total_seconds():
            self.blocklist.hold(client_key, SHORTEST.total_seconds())
        try:
            block = await commands.block_offender(self._database, client_key, signals=signals, score=points)
        except DatabaseUnavailable as error:
            log.warning("block is not stored", client_address=client_key, signals=signals, reason=str(error))
            self.counts.blocks += 1
            return
        if block is None:
            return
        self.counts.blocks += 1
        seconds = (block.until - block.since).total_seconds()
        self.blocklist.hold(client_key, seconds)
        said = {"signals": signals, "points": points, "strike": block.strike, "seconds": seconds}
        log.warning("client blocked", client_address=client_key, **said)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        if len(self._tasks) >= _TASKS_MAXIMUM:
            self.counts.dropped_signals += 1
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("signal not scored", exc_info=error)


def _moment() -> int:
    return int(time.time()) // MOMENT_SECONDS


def _mark(signal: Signal, what: str) -> Mark:
    weight = WEIGHTS[signal]
    distinct = {
        "time": token_hex(8),  # As above.
        "thing": scores.digest(what),
        "moment": str(_moment()),
        "window": "",
    }
    return Mark(weight.points, weight.is_evidence, signal.value, distinct[weight.each])
