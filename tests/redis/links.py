"""Connections and links for tests, kept while a test runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from app.redis.connecting import Connected
from app.redis.link import ANSWER_SECONDS, Link
from app.redis.pipeline import Pipeline, open_pipeline
from app.redis_address import servers_at
from tests.valkey_servers import until


async def opened(url: str, *, seconds: float = 2.0, on_lost: Callable[[Pipeline], None] | None = None) -> Pipeline:
    """A connection to the one server at an address. Whoever opens it closes it."""
    servers = servers_at(url)
    return await open_pipeline(servers.nodes[0], servers, seconds=seconds, on_lost=on_lost or (lambda _: None))


@asynccontextmanager
async def linked(url: str, *, answer_seconds: float = ANSWER_SECONDS) -> AsyncIterator[Link]:
    """A link that connects and watches by itself; it may not be connected yet."""
    link = Link(servers_at(url), answer_seconds=answer_seconds)
    async with kept(link):
        yield link


@asynccontextmanager
async def kept(link: Link) -> AsyncIterator[None]:
    """Keeps a link while the block runs."""
    task = asyncio.create_task(link.keep())
    try:
        yield
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError), "it must live as long as it is wanted"


async def until_connected(link: Link, *, seconds: float = 10.0) -> Connected:
    """The connections, once there are some."""
    await until(lambda: link.connected is not None, seconds=seconds)
    assert link.connected is not None
    return link.connected
