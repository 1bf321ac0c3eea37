"""The versions of tags, read for all requests of one turn of the event loop in one MGET.

All versions lie in one slot of a cluster, so that one command reads them: they are a few bytes each. Bodies are spread.
"""

import asyncio
import time
from collections.abc import Iterable
from functools import partial
from random import getrandbits
from typing import Any

import hiredis

from app.cache.entries import Tags, Versions
from app.redis.connecting import Connected
from app.redis.link import Link
from app.redis.pipeline import Pipeline, RedisUnavailable

PREFIX = "{todo:versions}:"
# Much longer than any value may be served, so that a version that has expired has nobody left who remembers it.
KEPT_SECONDS = 3600

Found = tuple[bytes | None, ...]
"""A version for each tag, or None for a tag that has none now."""


class TagVersions:
    """Reads and changes versions. Every method raises RedisUnavailable."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._waiting: list[tuple[Tags, asyncio.Future[Found]]] = []
        self._pipeline: Pipeline | None = None

    def read(self, tags: Tags) -> "asyncio.Future[Found]":
        """The versions in the order of the tags. Shares one round trip with all that is asked in the same turn."""
        pipeline = self._current_pipeline()
        answer: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        if tags:
            self._waiting.append((tags, answer))
            pipeline.wake()
        else:
            answer.set_result(())  # MGET of nothing is an error.
        return answer

    async def settle(self, tags: Tags, found: Found) -> Versions:
        """The versions, once every tag has one: those that are absent start from the clock. One round trip for them."""
        if None not in found:
            return found  # type: ignore[return-value]  # looked at on the line before
        pipeline = self._current_pipeline()
        for tag, version in zip(tags, found, strict=True):
            if version is None:
                # Another reader may be first: then its version counts.
                pipeline.tell("SET", PREFIX + tag, new_version(), "NX", "EX", KEPT_SECONDS)
        settled = await self.read(tags)
        if None in settled:
            raise RedisUnavailable("a version that was just set is gone")
        return settled  # type: ignore[return-value]  # looked at above

    async def touch(self, tags: Iterable[str], *, connected: Connected | None = None) -> None:
        """Gives every tag a version that it never had. One round trip."""
        connected = connected or self._link.connected
        if connected is None:
            raise RedisUnavailable("not connected")
        pipeline = connected.of(PREFIX)
        version = new_version()
        failure: Exception | None = None
        for answer in [pipeline.ask("SET", PREFIX + tag, version, "EX", KEPT_SECONDS) for tag in tags]:
            try:
                await answer
            except (hiredis.ReplyError, RedisUnavailable) as error:
                failure = error
        if isinstance(failure, hiredis.ReplyError):  # For example READONLY: the primary is another server now.
            self._link.distrust()
        if failure is not None:
            raise RedisUnavailable(str(failure)) from failure

    def _current_pipeline(self) -> Pipeline:
        connected = self._link.connected
        if connected is None:
            raise RedisUnavailable("not connected")
        pipeline = connected.of(PREFIX)
        if pipeline is not self._pipeline:
            self._pipeline = pipeline
            pipeline.before_write.append(self._ask)
        return pipeline

    def _ask(self) -> None:
        if not self._waiting or self._pipeline is None:
            return
        waiting, self._waiting = self._waiting, []
        tags = list({tag: None for each, _ in waiting for tag in each})
        self._pipeline.ask_for(partial(self._hand_out, tags, waiting), "MGET", *[PREFIX + tag for tag in tags])

    def _hand_out(self, tags: list[str], waiting: list[tuple[Tags, "asyncio.Future[Found]"]], answer: Any) -> None:
        if isinstance(answer, Exception):
            if isinstance(answer, hiredis.ReplyError):
                self._link.distrust()
            for _, waiter in waiting:
                if not waiter.done():
                    waiter.set_exception(RedisUnavailable(str(answer)))
            return
        versions = dict(zip(tags, answer, strict=True))
        for wanted, waiter in waiting:
            if not waiter.done():
                waiter.set_result(tuple([versions[tag] for tag in wanted]))


def new_version() -> bytes:
    """A version that no tag ever had: the clock in nanoseconds and 32 random bits."""
    return f"{time.time_ns():x}{getrandbits(32):08x}".encode()
