"""The test stand: embedded servers, filled databases, and the applications running side by side on them."""

import asyncio
import base64
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import jwt
import redis

from app.local_stack import LocalStack
from app.settings import variables
from bench import data, databases, processes
from bench.apps import App
from bench.messages import UnexpectedAnswerError, exchange, request
from bench.places import DIRECTORY
from bench.works import Caller

POOL = 16
CALLERS = 20
TODOS_EACH = 50

_SECRET_KEY = secrets.token_urlsafe(48)
_TOKEN_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What one database of the stand holds, and by whose migrations."""

    population: data.Population
    schema: databases.Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What the applications run on. Databases and their key spaces in Valkey go by the names that applications use."""

    database_urls: Mapping[str, str]
    redis_urls: Mapping[str, str]
    pids: Mapping[str, int]
    """Process ids of the servers, "postgres" and "redis"."""
    postgres_version: str
    postgres_log: Path

    def environment(self, app: App, *, pool: int = POOL) -> dict[str, str]:
        """The settings that all applications share, by the names of this service's, and the application's own."""
        urls = {"DATABASE_URL": self.database_urls[app.database], "REDIS_URL": self.redis_urls[app.database]}
        return {**shared_settings(), **urls, "DB_POOL_SIZE": str(pool), **app.settings}

    @contextmanager
    def serving(self, app: App, *, pool: int = POOL, awaited: bytes | None = None) -> Iterator[processes.Server]:
        """Runs one application on the server's core, or on all if it has several workers, until the block ends."""
        with processes.serving(
            app.name,
            app.command,
            environment=self.environment(app, pool=pool),
            directory=app.directory,
            log=DIRECTORY / "logs" / f"{re.sub('[^A-Za-z0-9]+', '-', app.name).strip('-')}.log",
            answers=awaited or request("GET", app.hello or f"{app.todos}?limit=1", token=_any_token(app)),
            cores=None if app.on_all_cores else processes.SERVER_CORES,
        ) as server:
            yield server

    def callers(self, app: App, server: processes.Server) -> list[Caller]:
        """Ordinary users, signed in to one application."""
        owners = asyncio.run(data.owners(self.database_urls[app.database], CALLERS, TODOS_EACH))
        if not app.has_sessions:
            return [Caller(owner, _signed(sub=str(owner.user_id), team=str(owner.team_id))) for owner in owners]
        return [Caller(owner, sign_in(app, server.port, owner.email)) for owner in owners]

    def clean(self, app: App) -> None:
        """Takes back what creates have written, and all that is cached: no application pays for another's writes."""
        asyncio.run(_clean(self.database_urls[app.database]))
        self.empty_cache()

    def empty_cache(self) -> None:
        """Empties Valkey, if there is one."""
        if url := next(iter(self.redis_urls.values()), ""):
            with redis.Redis.from_url(url) as client:
                client.flushall()


@contextmanager
def standing(contents: Mapping[str, Contents], *, say: Callable[[str], None]) -> Iterator[Stand]:
    """Starts PostgreSQL and Valkey beside the load generator, with databases that hold these contents.

    A database of an earlier run is used again if it holds the same rows in the same schema.
    """
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    with LocalStack(DIRECTORY) as servers:
        maintenance_url = servers.database_url("postgres")
        urls = {name: servers.database_url(f"bench_{name}") for name in contents}
        for name, wanted in contents.items():
            databases.prepare(
                maintenance_url,
                urls[name],
                wanted.population,
                schema=wanted.schema,
                environment=shared_settings(),
                say=say,
            )
        redis_urls = {name: servers.redis_url(number) for number, name in enumerate(contents)}
        pids = _pids(next(iter(redis_urls.values())))
        # Only now: filling uses every core.
        for pid in (os.getpid(), *pids.values()):
            processes.pin(pid, processes.LOAD_CORES)
        yield Stand(
            database_urls=urls,
            redis_urls=redis_urls,
            pids=pids,
            postgres_version=asyncio.run(_postgres_version(maintenance_url)),
            postgres_log=DIRECTORY / "postgres.log",
        )


@contextmanager
def all_serving(stand: Stand, apps: Sequence[App]) -> Iterator[Mapping[str, processes.Server]]:
    """Runs all applications at once, by name; those that are not measured at a moment are idle."""
    with ExitStack() as running:
        yield {app.name: running.enter_context(stand.serving(app)) for app in apps}


def sign_in(app: App, port: int, email: str) -> str:
    """The access token of a login. Raises UnexpectedAnswerError."""
    document = exchange(
        port, request("POST", app.login, document={"email": email, "password": data.PASSWORD})
    ).document()
    token = document.get("access_token")
    if not isinstance(token, str):
        raise UnexpectedAnswerError(f"{app.name} gave no access token at login")
    return token


def shared_settings() -> dict[str, str]:
    """The settings of every application. Everything of ours is on."""
    # Without compiled files a start would measure the compiler.
    own = {*variables(), "PYTHONDONTWRITEBYTECODE", "PYTHONPATH"}
    return {
        **{name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in own},
        "SECRET_KEY": _SECRET_KEY,
        "ENCRYPTION_KEYS": f"bench:{_random_key()}",
        "BLIND_INDEX_KEYS": f"bench:{_random_key()}",
        "MAIL_PROVIDER": "off",
        "SMS_PROVIDER": "off",
        "CLEARTEXT_CONNECTIONS": "postgres,redis",
        "DB_MAX_OVERFLOW": "0",
        "ENVIRONMENT": "production",
        "HOST": "127.0.0.1",
        "WORKERS": "1",
        "LOG_LEVEL": "info",
        "LOG_FORMAT": "json",
        "ACCESS_TOKEN_MINUTES": "60",
        # The same users log in hundreds of times in a run, and their first tokens are asked with until its end.
        "SESSIONS_PER_USER": "1000",
        # Counted as ever, and never reached: a few users ask for as much as a process can do.
        "RATE_LIMIT_FACTOR": "10000",
        "DRAIN_SECONDS": "0",
        "V1_SUNSET_AT": "2100-01-01T00:00:00Z",
    }


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _any_token(app: App) -> str:
    return "" if app.hello else _signed(sub=str(data.NOBODY), team=str(data.NOBODY))


def _signed(**claims: str) -> str:
    return jwt.encode({**claims, "exp": int(time.time()) + _TOKEN_SECONDS}, _SECRET_KEY, algorithm="HS256")


def _pids(redis_url: str) -> dict[str, int]:
    pids = {"postgres": int((DIRECTORY / "postgres" / "postmaster.pid").read_text().split()[0])}
    if redis_url:
        with redis.Redis.from_url(redis_url, decode_responses=True) as client:
            pids["redis"] = int(client.info("server")["process_id"])
    return pids


async def _clean(url: str) -> None:
    await data.remove_created(url)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def _postgres_version(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()
