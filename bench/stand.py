"""The test stand: embedded servers, a filled database, and the applications running side by side on it."""

import asyncio
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import jwt
from argon2 import PasswordHasher

from app.database.migrations import head, upgrade
from app.domain.identity.passwords import Passwords
from app.local_stack import LocalStack
from app.settings import variables
from bench import data, processes
from bench.apps import App
from bench.messages import UnexpectedAnswerError, exchange, request
from bench.works import Caller

ROOT = Path(__file__).resolve().parents[1]
DIRECTORY = ROOT / ".data" / "bench"
POOL = 16
CALLERS = 20
TODOS_EACH = 50

_SECRET_KEY = secrets.token_urlsafe(48)
_TOKEN_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Stand:
    """What the applications run on."""

    database_url: str
    redis_url: str
    postgres_pid: int
    postgres_version: str

    def environment(self, *, pool: int = POOL) -> dict[str, str]:
        """The settings that all applications share, by the names of this service's. Everything of ours is on."""
        # Without compiled files a start would measure the compiler.
        own = {*variables(), "PYTHONDONTWRITEBYTECODE"}
        return {
            **{name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in own},
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SECRET_KEY": _SECRET_KEY,
            "DB_POOL_SIZE": str(pool),
            "DB_MAX_OVERFLOW": "0",
            "ENVIRONMENT": "production",
            "HOST": "127.0.0.1",
            "WORKERS": "1",
            "LOG_LEVEL": "info",
            "LOG_FORMAT": "json",
            "ACCESS_TOKEN_MINUTES": "60",
            "DRAIN_SECONDS": "0",
        }

    @contextmanager
    def serving(self, app: App, *, pool: int = POOL, awaited: bytes | None = None) -> Iterator[processes.Server]:
        """Runs one application on the server's core until the block ends."""
        with processes.serving(
            app.name,
            app.command,
            environment=self.environment(pool=pool),
            directory=ROOT,
            log=DIRECTORY / "logs" / f"{re.sub('[^A-Za-z]+', '-', app.name).strip('-')}.log",
            answers=awaited or request("GET", app.hello or app.todos, token=_any_token(app)),
        ) as server:
            yield server

    def callers(self, app: App, server: processes.Server) -> list[Caller]:
        """Ordinary users, signed in to one application."""
        owners = asyncio.run(data.owners(self.database_url, CALLERS, TODOS_EACH))
        if not app.has_sessions:
            return [Caller(owner, _signed(sub=str(owner.user_id), team=str(owner.team_id))) for owner in owners]
        return [Caller(owner, sign_in(app, server.port, owner.email)) for owner in owners]


@contextmanager
def standing(population: data.Population) -> Iterator[Stand]:
    """Starts PostgreSQL and Valkey beside the load generator, with a database that holds the population.

    A database of an earlier run is used again if it holds the same rows in the same schema.
    """
    if processes.CAN_PIN:
        os.sched_setaffinity(0, processes.LOAD_CORES)
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    with LocalStack(DIRECTORY) as servers:
        postgres_pid = int((DIRECTORY / "postgres" / "postmaster.pid").read_text().split()[0])
        name = f"bench_{population.todos}"
        url = servers.database_url(name)
        if asyncio.run(_made_anew(servers.database_url("postgres"), name, _contents(population))):
            upgrade(url)
            asyncio.run(_filled(url, name, population))
        else:
            asyncio.run(data.remove_created(url))
        version = asyncio.run(_postgres_version(url))
        yield Stand(url, servers.redis_url(), postgres_pid, version)


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


def _any_token(app: App) -> str:
    return "" if app.hello else _signed(sub=str(data.NOBODY), team=str(data.NOBODY))


def _signed(**claims: str) -> str:
    return jwt.encode({**claims, "exp": int(time.time()) + _TOKEN_SECONDS}, _SECRET_KEY, algorithm="HS256")


def _contents(population: data.Population) -> str:
    """Says what a database holds, in its comment."""
    return f"{population}, schema {head()}"


async def _made_anew(url: str, name: str, contents: str) -> bool:
    """Creates an empty database, unless there is one with these contents."""
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetchval(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1", name
        )
        if found == contents:
            return False
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        await connection.execute(f'CREATE DATABASE "{name}"')
        return True
    finally:
        await connection.close()


async def _filled(url: str, name: str, population: data.Population) -> None:
    passwords = Passwords(threads=1)
    try:
        password_hash = await passwords.hash(data.PASSWORD)
    finally:
        passwords.close()
    await data.fill(url, population, password_hash=password_hash, before_hash=PasswordHasher().hash(data.PASSWORD))
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"COMMENT ON DATABASE \"{name}\" IS '{_contents(population)}'")
    finally:
        await connection.close()


async def _postgres_version(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()
