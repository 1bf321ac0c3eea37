"""Guesses at passwords, counted before the password is looked at: for each pair of account and client, and the account.

A pair has five tries within the window, then it waits. An account is never closed: its owner comes from elsewhere. One
that is attacked from everywhere leaves each client two tries. Accounts are known by a keyed hash of what was typed,
whether there is such an account or not, so answers say nothing and nothing of people lies in Redis.
"""

import hmac
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from app.domain.text import fold
from app.rate_limits.budgets import PREFIX
from app.redis.connecting import Connected
from app.redis.scripts import Script

PAIR_TRIES = 5
PAIR_TRIES_UNDER_ATTACK = 2
ATTACKED_TRIES = 20
_TRIES_MAXIMUM = 1000
_LOCAL_MAXIMUM = 10_000

# Counts the try before it is made, so that many at once are not more than many in turn.
_BEGIN = Script(
    f"""
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local window = tonumber(ARGV[1])
for _, key in ipairs(KEYS) do redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window) end
local on_account, on_pair = redis.call('ZCARD', KEYS[2]), redis.call('ZCARD', KEYS[1])
local most = on_account >= {ATTACKED_TRIES} and {PAIR_TRIES_UNDER_ATTACK} or {PAIR_TRIES}
if on_pair >= most then
  local first = redis.call('ZRANGE', KEYS[1], on_pair - most, on_pair - most, 'WITHSCORES')
  return {{first[2] + window - now, on_account}}
end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now, ARGV[2])
  redis.call('ZREMRANGEBYRANK', key, 0, -{_TRIES_MAXIMUM + 1})
  redis.call('PEXPIRE', key, window)
end
return {{0, on_account + 1}}
"""
)


class Try(NamedTuple):
    """One try: who tries which account (both as keys), and how it is told from the others."""

    account_key: str
    client_key: str
    number: str

    @property
    def pair_key(self) -> str:
        """Where the tries of this client on this account are counted."""
        return f"{PREFIX}tries:{self.account_key}:{self.client_key}"

    @property
    def all_key(self) -> str:
        """Where everybody's tries on this account are counted."""
        return f"{PREFIX}tries:{self.account_key}"


class Verdict(NamedTuple):
    """How long to wait before the next try, 0 if this one may be made; how many tries the account had of late."""

    wait_seconds: int
    on_account: int

    @property
    def is_attacked(self) -> bool:
        """True if the account has had more wrong tries than its owner would make."""
        return self.on_account >= ATTACKED_TRIES


def account_key(key: bytes, email: str) -> str:
    """What stands for the account that somebody has named, under a key of the service."""
    return hmac.digest(key, fold(email).encode("utf-8", "replace"), "sha256")[:16].hex()


async def begin(connected: Connected, one: Try, window_ms: int) -> Verdict:
    """Counts a try in Redis, unless it may not be made. One round trip. Raises RedisUnavailable, hiredis.ReplyError."""
    wait_ms, on_account = await _BEGIN.run(connected, (one.pair_key, one.all_key), window_ms, one.number)
    return Verdict(math.ceil(wait_ms / 1000), on_account)


def forget(connected: Connected, one: Try, *, is_proven: bool) -> None:
    """Takes a try back that was not wrong; if it has proved who they are, the earlier ones of the pair as well."""
    pipeline = connected.of(one.pair_key)
    if is_proven:
        pipeline.tell("DEL", one.pair_key)
    else:
        pipeline.tell("ZREM", one.pair_key, one.number)
    pipeline.tell("ZREM", one.all_key, one.number)


class LocalTries:
    """The same in this process alone, for ten thousand pairs and accounts."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tries: OrderedDict[str, dict[str, float]] = OrderedDict()

    def begin(self, one: Try, window_ms: int) -> Verdict:
        """Counts a try, unless it may not be made."""
        now, window = self._clock(), window_ms / 1000
        on_account, on_pair = self._within(one.all_key, now - window), self._within(one.pair_key, now - window)
        most = PAIR_TRIES_UNDER_ATTACK if len(on_account) >= ATTACKED_TRIES else PAIR_TRIES
        if len(on_pair) >= most:
            first = sorted(on_pair.values())[len(on_pair) - most]
            return Verdict(max(1, math.ceil(first + window - now)), len(on_account))
        on_account[one.number] = on_pair[one.number] = now
        while len(on_account) > _TRIES_MAXIMUM:
            del on_account[next(iter(on_account))]
        return Verdict(0, len(on_account))

    def forget(self, one: Try, *, is_proven: bool) -> None:
        """As `forget` above."""
        if is_proven:
            self._tries.pop(one.pair_key, None)
        for key in (one.pair_key, one.all_key):
            self._tries.get(key, {}).pop(one.number, None)

    def _within(self, key: str, begin: float) -> dict[str, float]:
        kept = {number: at for number, at in self._tries.pop(key, {}).items() if at > begin}
        self._tries[key] = kept
        if len(self._tries) > _LOCAL_MAXIMUM:
            self._tries.popitem(last=False)
        return kept
