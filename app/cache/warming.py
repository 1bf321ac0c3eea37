"""What was popular is fetched from Redis when a process starts, so that its first requests need not wait for bodies.

A process leaves the names of its most used values when it stops; the next one reads them. Nothing is loaded from the
database, and nothing is believed: like every other value they are compared with their tags before they are served.
"""

import asyncio
import time

import hiredis
import msgspec

from app.cache.layer import Cache
from app.redis.connecting import Connected
from app.redis.pipeline import RedisUnavailable
from app.telemetry.logging import get_logger

REMEMBERED = 200
KEPT_SECONDS = 3600
WARMING_SECONDS = 1.0
AT_ONCE = 20

_PREFIX = "{todo:popular}:"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[str, str]]).decode

log = get_logger(__name__)


async def remember_popular(cache: Cache) -> None:
    """Leaves the names of what was used most, if anything was. One round trip; without Redis nothing happens."""
    connected = cache.link.connected
    names = [
        (key, entry.redis_key) for key, entry in cache.bodies.most_used(REMEMBERED) if entry.hits and entry.redis_key
    ]
    if connected is None or not names:
        return
    try:
        key = _PREFIX + cache.era
        await connected.of(key).ask("SET", key, _encode(names), "EX", KEPT_SECONDS)
    except (RedisUnavailable, hiredis.ReplyError):
        return


async def warm(cache: Cache) -> int:
    """Fetches what was popular into this process, for a second at most; how many values."""
    connected = cache.link.connected
    if connected is None:
        return 0
    fetched, deadline = 0, time.monotonic() + WARMING_SECONDS
    try:
        # By era: a server that was restarted from an old snapshot has old values under old versions.
        key = _PREFIX + cache.era
        stored = await connected.of(key).ask("GET", key)
        names = [] if stored is None else _decode(stored)
        for first in range(0, len(names), AT_ONCE):
            if time.monotonic() > deadline:
                break
            fetched += await _fetch(cache, connected, names[first : first + AT_ONCE])
    except (RedisUnavailable, hiredis.ReplyError, msgspec.MsgspecError):
        return fetched
    log.info("cache warmed", values=fetched)
    return fetched


async def _fetch(cache: Cache, connected: Connected, names: list[tuple[str, str]]) -> int:
    bodies = await asyncio.gather(*(connected.of(redis_key).ask("GET", redis_key) for _, redis_key in names))
    if cache.link.connected is not connected:  # Another era may have begun meanwhile.
        return 0
    fetched = {key: body for (key, _), body in zip(names, bodies, strict=True) if body is not None}
    cache.warmed.update(fetched)
    return len(fetched)
