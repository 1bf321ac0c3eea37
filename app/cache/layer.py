"""The cache: looks up, loads what is missing, and lets nobody see what a committed write has made stale.

Without Redis it loads everything, every time: then nothing could say whether a kept value is still true.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import uuid4

import hiredis

from app.cache.bodies import Bodies
from app.cache.counts import Counts
from app.cache.entries import DEFAULT_COMPRESS_BYTES, Entry, Kind, Tags, Versions, is_current, release
from app.cache.flights import Flights
from app.cache.versions import Found, TagVersions
from app.redis.connecting import Connected
from app.redis.link import Link
from app.redis.pipeline import RedisUnavailable

T = TypeVar("T")

# Of what does not exist, for example.
NEGATIVE_SECONDS = 30.0
REFRESHED_SHARE = 0.1
LEASE_MILLISECONDS = 500
LEASE_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Place(Generic[T]):
    """Where a value lies: its kind, its key (unlike those of all other kinds), and whose it is.

    The owner decides the slot of a cluster, so that one user's values lie together.
    """

    kind: Kind[T]
    key: str
    owner: str

    @property
    def redis_key(self) -> str:
        """The key in Redis, without what names the release and the server process."""
        digest = hashlib.blake2b(self.key.encode(), digest_size=16).hexdigest()
        return f"{{todo:{self.owner}}}:{self.kind.name}:{digest}"


@dataclass(frozen=True, slots=True)
class Looked(Generic[T]):
    """What a look has found: the entry if it is current, the versions now (None without Redis), and who said so."""

    entry: Entry[T | None] | None
    found: Found | None
    connected: Connected | None


@dataclass(frozen=True, slots=True)
class Basis:
    """What a value is loaded on: tags with the versions that they had before, and the connection that they came by."""

    tags: Tags
    versions: Versions
    connected: Connected


class Cache:
    """One per process. `ttl_seconds` bounds how long a value is served at all, touched or not."""

    def __init__(
        self, link: Link, *, ttl_seconds: float, process_bytes: int, compress_bytes: int = DEFAULT_COMPRESS_BYTES
    ) -> None:
        self.link = link
        self.tags = TagVersions(link)
        self.bodies = Bodies(process_bytes)
        self.counts = Counts()
        self.ttl_seconds = ttl_seconds
        self.compress_bytes = compress_bytes
        self._flights: Flights[Entry[Any]] = Flights()
        self._generation = ""
        # Fetched at start, in the form of Redis, until somebody asks for it.
        self.warmed: dict[str, bytes] = {}
        link.on_ready.append(self._start_generation)

    async def get_or_load(
        self,
        place: Place[T],
        tags: Tags,
        load: Callable[[], Awaitable[T | None]],
        *,
        lifetime_seconds: Callable[[T], float] | None = None,
        before_load: Callable[[], Awaitable[None]] | None = None,
    ) -> T | None:
        """The value, from here if every tag is as it was when it was loaded, or else from `load`, and then it is kept.

        One round trip on a hit. `load` must read committed data from the primary, and nothing that changes without
        `tags`; None is kept, too, for half a minute. `lifetime_seconds` may shorten the time that a value is served.
        Others may share the load; `before_load` is this caller's own. Raises what these raise.
        """
        if (looked := await self.look(place, tags)).entry is not None:
            return looked.entry.value
        if before_load is not None:
            await before_load()
        if (basis := await self.basis(tags, looked)) is None:
            return await load()
        return (await self.load(place, basis, load, lifetime_seconds=lifetime_seconds)).value

    def held(self, place: Place[T]) -> Entry[T | None] | None:
        """What this process has of it, true or not: compare its versions before it is shown to anybody."""
        return self.bodies.get(place.key)

    async def versions(self, tags: Tags) -> Found | None:
        """The tags' versions now; None without Redis. One round trip, shared with the same turn of the event loop."""
        try:
            return await self.tags.read(tags)
        except RedisUnavailable:
            return None

    async def look(self, place: Place[T], tags: Tags, *, also: Tags = ()) -> Looked[T]:
        """The entry, if it is current, and the versions of `also` and `tags`, in that order. One round trip.

        Two if this process holds an entry that is not current any more: then Redis may have a newer one.
        """
        counts = self.counts.of(place.kind.name)
        connected = self.link.connected
        if connected is None:
            return Looked(None, None, None)
        held = self.bodies.get(place.key) or self._unpacked(place)
        if held is not None:
            found = await self.versions(also + tags)
            if found is None:
                return Looked(None, None, None)
            if held.tags == tags and is_current(held, found[len(also) :]):
                counts.process_hits += 1
                held.hits += 1
                return Looked(held, found, connected)
            counts.stale += 1
            self.bodies.drop(place.key)
        return await self._fetch(place, tags, also, connected)

    async def look_past(self, place: Place[T], tags: Tags, *, also: Tags = ()) -> Looked[T]:
        """As `look`, for somebody who wants the value loaded anew: only the versions."""
        self.counts.of(place.kind.name).bypassed += 1
        connected = self.link.connected
        return Looked(None, await self.versions(also + tags), connected)

    async def basis(self, tags: Tags, looked: Looked[Any], *, skipped: int = 0) -> Basis | None:
        """What a value may be loaded on after `looked` has found none; None without Redis. Mostly no round trip.

        `skipped` of the versions that were found belong to tags in front of these.
        """
        if looked.found is None or looked.connected is None:
            return None
        try:
            return Basis(tags, await self.tags.settle(tags, looked.found[skipped:]), looked.connected)
        except RedisUnavailable:
            return None

    async def load(
        self,
        place: Place[T],
        basis: Basis,
        load: Callable[[], Awaitable[T | None]],
        *,
        lifetime_seconds: Callable[[T], float] | None = None,
        is_costly: bool = False,
    ) -> Entry[T | None]:
        """Loads a value and keeps it under versions that were read before.

        Concurrent calls for the same place and versions share one load. Where it `is_costly`, other processes are given
        a moment, too, to use what this one loads.
        """

        async def load_and_keep() -> Entry[T | None]:
            if is_costly and (filled := await self._wait_for_lease(place, basis)) is not None:
                return filled
            entry = self._entry(place, await load(), basis, lifetime_seconds)
            if self.link.connected is basis.connected:  # Another server may not know what was touched meanwhile.
                self._keep(place, entry, basis.connected)
            return entry

        held = self.bodies.get(place.key)
        # Somebody may have loaded it between this caller's look and now; who refreshes it wants it anew.
        is_same = held is not None and not held.is_being_refreshed and held.tags == basis.tags
        if held is not None and is_same and is_current(held, basis.versions):
            return held
        entry, is_shared = await self._flights.run((place.key, basis.versions), load_and_keep)
        if is_shared:
            self.counts.of(place.kind.name).shared_loads += 1
        return entry

    def _entry(
        self, place: Place[T], value: T | None, basis: Basis, lifetime_seconds: Callable[[T], float] | None
    ) -> Entry[T | None]:
        seconds = self.ttl_seconds if value is not None else min(NEGATIVE_SECONDS, self.ttl_seconds)
        # Spread, so that what was loaded together is not loaded together again.
        seconds *= random.uniform(0.9, 1.1)  # noqa: S311 - no secret
        if value is not None and lifetime_seconds is not None:
            seconds = min(seconds, lifetime_seconds(value))
        now = time.time()
        return Entry(
            basis.tags,
            basis.versions,
            value,
            expires_at=now + seconds,
            refresh_at=now + seconds * (1 - REFRESHED_SHARE),
            kind_name=place.kind.name,
        )

    def _keep(self, place: Place[T], entry: Entry[T | None], connected: Connected) -> None:
        milliseconds = int((entry.expires_at - time.time()) * 1000)
        if milliseconds <= 0:
            return
        stored = place.kind.to_bytes(entry, compress_bytes=self.compress_bytes)
        entry.redis_key = key = self._redis_key(place)
        self.bodies.put(place.key, entry)
        # Nobody waits for it: a body that is lost is loaded again, and one that comes late carries its versions.
        connected.of(key).tell("SET", key, stored, "PX", milliseconds)
        self.counts.of(place.kind.name).fills += 1

    async def _fetch(self, place: Place[T], tags: Tags, also: Tags, connected: Connected) -> Looked[T]:
        counts = self.counts.of(place.kind.name)
        key = self._redis_key(place)
        body = connected.of(key).ask("GET", key)
        found = await self.versions(also + tags)
        stored = await _answer(body)
        if found is None:
            return Looked(None, None, None)
        entry = place.kind.from_bytes(stored) if stored is not None else None
        if entry is None:
            counts.misses += 1
            return Looked(None, found, connected)
        if entry.tags != tags or not is_current(entry, found[len(also) :]):
            counts.misses += 1
            counts.stale += 1
            return Looked(None, found, connected)
        counts.redis_hits += 1
        if self.link.connected is connected:
            entry.redis_key = key
            self.bodies.put(place.key, entry)
        return Looked(entry, found, connected)

    async def _wait_for_lease(self, place: Place[T], basis: Basis) -> Entry[T | None] | None:
        """None if this process is to load now; else what another one has loaded meanwhile."""
        key = self._redis_key(place)
        # Of these versions: who waits for others would wait in vain for what nobody loads any more.
        lease_key = f"{key}:lease:{_digest(basis.versions)}"
        deadline = time.monotonic() + LEASE_MILLISECONDS / 1000
        while (connected := self.link.connected) is not None and time.monotonic() < deadline:
            lease = connected.of(key).ask("SET", lease_key, uuid4().hex, "NX", "PX", LEASE_MILLISECONDS)
            body = connected.of(key).ask("GET", key)
            is_ours = await _answer(lease) is not None
            stored = await _answer(body)
            entry = place.kind.from_bytes(stored) if stored is not None else None
            is_same = entry is not None and entry.tags == basis.tags and is_current(entry, basis.versions)
            if entry is not None and is_same and time.time() < entry.refresh_at:
                return entry
            if is_ours:
                return None
            await asyncio.sleep(LEASE_LOOK_SECONDS)
        return None

    async def _start_generation(self, connected: Connected) -> None:
        """Forgets what was kept under another server process, which may have known of touches that this one lacks."""
        if connected.generation != self._generation:
            self.bodies.clear()
            self.warmed.clear()
            self._generation = connected.generation

    def _unpacked(self, place: Place[T]) -> Entry[T | None] | None:
        stored = self.warmed.pop(place.key, None)
        entry = place.kind.from_bytes(stored) if stored is not None else None
        if entry is not None:
            entry.redis_key = self._redis_key(place)
            self.bodies.put(place.key, entry)
        return entry

    @property
    def era(self) -> str:
        """Names the release and the server process: what was kept in another era is not read in this one."""
        return f"{release()}:{self._generation}"

    def _redis_key(self, place: Place[Any]) -> str:
        return f"{place.redis_key}:{self.era}"


def _digest(versions: Versions) -> str:
    return hashlib.blake2b(b" ".join(versions), digest_size=8).hexdigest()


async def _answer(asked: "asyncio.Future[Any]") -> Any:
    """What Redis answers, or None for a failure: a body that cannot be had is as good as none."""
    try:
        return await asked
    except (RedisUnavailable, hiredis.ReplyError):
        return None
