"""Budgets that all processes share, in Redis: what one turn of the event loop charges is one call of one script.

It leaves in the same write as the tag versions that the same turn asks for. The clock is that of Redis, so that it does
not matter what a process takes the time to be.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import hiredis
import msgspec

from app.rate_limits.budgets import PREFIX, Charge
from app.redis.connecting import Connected
from app.redis.link import Link
from app.redis.pipeline import Pipeline

SCRIPT = (Path(__file__).parent / "charge.lua").read_text(encoding="utf-8")
DIGEST = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
# Of one call. A request has some five keys, and Lua takes some 8,000 arguments.
REQUESTS_AT_ONCE = 500

Arguments = tuple[str | int | bytes, ...]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[int]).decode


class SharedBudgets:
    """One per process. `unasked` settles what Redis did not answer."""

    def __init__(self, link: Link, unasked: Callable[[Charge], None]) -> None:
        self._link = link
        self._unasked = unasked
        self._waiting: list[Charge] = []
        self._connected: Connected | None = None
        self._pipeline: Pipeline | None = None

    @property
    def is_connected(self) -> bool:
        """True while Redis can be asked."""
        return self._link.connected is not None

    def add(self, charge: Charge) -> bool:
        """Charges it at the end of this turn; False, and nothing is done, while Redis cannot be asked."""
        connected = self._link.connected
        if connected is None:
            return False
        pipeline = self._pipeline
        if connected is not self._connected or pipeline is None:
            self._connected = connected
            self._pipeline = pipeline = connected.of(PREFIX)
            pipeline.before_write.append(self._ask)
        self._waiting.append(charge)
        pipeline.wake()
        return True

    def _ask(self) -> None:
        waiting, self._waiting = self._waiting, []
        while len(waiting) > REQUESTS_AT_ONCE:
            self._ask_for(waiting[:REQUESTS_AT_ONCE])
            waiting = waiting[REQUESTS_AT_ONCE:]
        if waiting:
            self._ask_for(waiting)

    def _ask_for(self, charges: list[Charge]) -> None:
        numbers: dict[str, int] = {}
        number_of = numbers.setdefault
        requests = []
        for charge in charges:
            request = [number_of(charge.block_key, len(numbers) + 1)]
            for limit, key, cost in charge.items:
                rate = limit.rate
                request += (number_of(key, len(numbers) + 1), rate[2], rate[3], cost)
            requests.append(request)
        self._send(charges, (len(numbers), *numbers, _encode(requests)), "EVALSHA", DIGEST)

    def _send(self, charges: list[Charge], arguments: Arguments, *command: str) -> None:
        if self._pipeline is None:
            raise RuntimeError("only what was added is asked for")
        self._pipeline.ask_for(partial(self._hand_out, charges, arguments), *command, *arguments)

    def _hand_out(self, charges: list[Charge], arguments: Arguments, answer: Any) -> None:
        if not isinstance(answer, Exception):
            answers = _decode(answer)
            for at, charge in enumerate(charges):
                charge.settle(*answers[4 * at : 4 * at + 4])
        elif str(answer).startswith("NOSCRIPT"):
            # A server that has just started, or whose scripts were flushed. EVAL runs it, and leaves it there.
            self._send(charges, arguments, "EVAL", SCRIPT)
        else:
            if isinstance(answer, hiredis.ReplyError):
                self._link.distrust()
            for charge in charges:
                self._unasked(charge)
