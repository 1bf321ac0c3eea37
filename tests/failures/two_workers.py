"""The service as two processes with one database and one Redis, and people who call both."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from sqlalchemy import select

from app.database.executor import Database
from app.database.statements import Query, scalar
from app.database.touches import cache_touches
from app.domain.identity.authority import Authority, authority
from app.domain.identity.session import Tokens
from app.domain.users.user import User
from app.settings import load_settings, variables
from bench.messages import request
from bench.processes import Server, serving
from tests.conftest import UNREACHED
from tests.factories import make_user, open_session
from tests.failures.keep_alive import Answer, Client

ROOT = Path(__file__).resolve().parents[2]
_READY = request("GET", "/health/ready")
# Room for a crowd, so that only the cache decides what it costs.
_SETTINGS = {
    "ENVIRONMENT": "test",
    "DRAIN_SECONDS": "0",
    "SHUTDOWN_GRACE_SECONDS": "2",
    "PUBLIC_BASE_URL": "http://todo.test",
    "LOG_LEVEL": "warning",
    "RATE_LIMIT_FACTOR": UNREACHED,
}


@dataclass(frozen=True)
class Person:
    """Somebody with one session, and a client for each worker."""

    user: User
    tokens: Tokens
    clients: Sequence[Client]

    @property
    def id(self) -> str:
        """As answers spell it."""
        return str(self.user.id)

    async def personal_team(self) -> str:
        """The team that is theirs alone."""
        teams: list[dict[str, Any]] = (await self.clients[0].get("/api/v2/teams")).document["items"]
        return next(str(team["id"]) for team in teams if team["is_personal"])


_NOTES = Query("test.notes", select(cache_touches.c.id), scalar)


@dataclass
class Workers:
    """The running processes, and the database that they share."""

    servers: Sequence[Server]
    database: Database
    authority: Authority
    redis_url: str
    _clients: list[Client] = field(default_factory=list)

    def client(self, worker: int, token: str = "") -> Client:
        """A connection of its own to one worker, closed at the end."""
        made = Client(self.servers[worker].port, token)
        self._clients.append(made)
        return made

    async def person(self, *, roles: tuple[str, ...] = ()) -> Person:
        """Somebody new, logged in."""
        user = await make_user(self.database, roles=roles)
        return await self.session(user)

    async def session(self, user: User) -> Person:
        """Another session of the same user, with connections of its own."""
        tokens = await open_session(self.database, self.authority, user)
        return Person(user, tokens, [self.client(worker, tokens.access_token) for worker in range(len(self.servers))])

    async def empty_cache(self) -> None:
        """Makes Redis forget this key space, as if it had been restarted empty and nobody had noticed."""
        await asyncio.to_thread(empty, self.redis_url)

    async def until_quiet(self) -> None:
        """Returns when no write waits to be announced again: what is kept then stays kept."""
        async with asyncio.timeout(10):
            while await self.database.reader.all(_NOTES):
                await asyncio.sleep(0.05)

    def close(self) -> None:
        """Drops every connection."""
        for client in self._clients:
            client.close()


@asynccontextmanager
async def working(
    database_url: str, redis_urls: Sequence[str], *, store_url: str, altered: str = "", **environment: str
) -> AsyncIterator[Workers]:
    """One process for each address of Redis; `store_url` is where all of them lead to, which is emptied first."""
    await asyncio.to_thread(empty, store_url)
    own = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in variables()}
    variables_given = {**own, **_SETTINGS, "DATABASE_URL": database_url, **environment}
    settings = load_settings(ENVIRONMENT="test", DATABASE_URL=database_url)
    database, proofs = Database(settings.database), authority(settings.security)
    with tempfile.TemporaryDirectory() as directory, ExitStack() as running:

        def start(number: int, redis_url: str) -> Server:
            return running.enter_context(
                serving(
                    f"worker {number}",
                    (sys.executable, "-m", "tests.failures.altered_service", altered, "serve"),
                    environment={**variables_given, "REDIS_URL": redis_url},
                    directory=ROOT,
                    log=Path(directory) / f"worker-{number}.log",
                    answers=_READY,
                    cores=None,
                )
            )

        # In threads, since what stands between them and Redis may run in this loop.
        starts = [asyncio.to_thread(start, number, url) for number, url in enumerate(redis_urls)]
        workers = Workers(await asyncio.gather(*starts), database, proofs, store_url)
        try:
            await _with_redis(workers)
            yield workers
        finally:
            workers.close()
            proofs.close()
            await database.close()
            await asyncio.to_thread(running.close)


def empty(redis_url: str) -> None:
    """Deletes every key of one key space."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()


def statements(server: Server) -> list[str]:
    """The names of what the worker has asked of the database since its log was emptied; it must log with DEBUG."""
    lines = (json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{"))
    return [line["statement"] for line in lines if line.get("event") == "statement"]


async def until_hit(client: Client, server: Server, path: str, *, seconds: float) -> Answer:
    """The first answer to `path` that asks nothing of the database. Raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while True:
            server.empty_log()
            answer = await client.get(path)
            if answer.status == 200 and not _asked_for_answer(server):
                return answer
            await asyncio.sleep(0.05)


def _asked_for_answer(server: Server) -> list[str]:
    """Without what each process asks by itself every second."""
    return [name for name in statements(server) if not name.startswith("cache_touches.")]


async def _with_redis(workers: Workers) -> None:
    for worker in range(len(workers.servers)):
        client = workers.client(worker)
        async with asyncio.timeout(10):
            while (await client.get("/health")).document["cache"] != "redis":
                await asyncio.sleep(0.1)
