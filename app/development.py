"""`todo dev`: the whole service from one command, and the servers that the other commands work on.

Starts what is missing, in order; stops everything again in reverse, whatever ends it.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType
from typing import TextIO

from app.database import migrations
from app.database.inspection import inspect
from app.database.rights import SERVICE_ROLE, make_service_role, settle
from app.domain.blocks import commands as block_commands
from app.domain.blocks import queries as block_queries
from app.domain.blocks.block import Block
from app.domain.identity import administration, factor_reset
from app.domain.pages import MAXIMUM_LIMIT
from app.domain.users.user import User
from app.draining import Draining
from app.erasure_replay import replay_once
from app.lifespan import running_services
from app.local_stack import DEFAULT_DIRECTORY, LocalStack, StackInUseError
from app.outbound.console import MARKS
from app.seed import DEMO_EMAIL, DEMO_PASSWORD, seed, seed_with_api_key
from app.server import listen
from app.server_process import ServerProcess, ServerProcessError, ServerProgram
from app.settings import Settings
from app.telemetry.request_origin import of_operator

WATCH_SECONDS = 0.2
# For another command that runs the servers for itself.
PATIENCE_SECONDS = 60.0
# A developer who presses Ctrl-C waits for nobody. What the environment says wins.
IMPATIENT = {"DRAIN_SECONDS": "0", "SHUTDOWN_GRACE_SECONDS": "3"}

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def servers(settings: Settings) -> Iterator[Settings]:
    """The settings, pointed at servers that run: the configured ones, those of a running `todo dev`, or embedded ones.

    Embedded servers are stopped at the end; another command that runs its own is waited for. Raises LocalStackError.
    """
    if settings.database.url.get_secret_value():
        yield settings
        return
    stack = _stack(settings, is_lasting=False)
    if _is_started(stack):
        with _prepared(stack, settings) as ready:
            yield ready
    else:
        yield _pointed_at(stack, settings)


def _stack(settings: Settings, *, is_lasting: bool) -> LocalStack:
    return LocalStack(with_valkey=not settings.redis.url.get_secret_value(), is_lasting=is_lasting)


def _is_started(stack: LocalStack) -> bool:
    """True once it is this process that runs the servers, False once those of a `todo dev` answer."""
    patience_ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            stack.start()
        except StackInUseError as error:
            if error.is_lasting and stack.is_answering:
                return False
            if time.monotonic() > patience_ends:
                raise
            time.sleep(WATCH_SECONDS)
        else:
            return True


@contextmanager
def _prepared(stack: LocalStack, settings: Settings) -> Iterator[Settings]:
    """The settings for a stack that has been started, which is stopped at the end."""
    try:
        asyncio.run(make_service_role(stack.database_url()))
        yield _pointed_at(stack, settings)
    finally:
        stack.stop()


def _pointed_at(stack: LocalStack, settings: Settings) -> Settings:
    return settings.with_urls(
        database_url=stack.database_url(user=SERVICE_ROLE),
        migration_url=stack.database_url(),
        redis_url=settings.redis.url.get_secret_value() or stack.redis_url(),
    )


def migrate(settings: Settings) -> bool:
    """Brings the database to the newest schema, and erases whom a backup has brought back.

    False if there is no role for a service that is not the owner. Raises DatabaseUnreachable, MigrationLocked, and
    LedgerUnreadable or OSError for an erasure ledger.
    """
    url = settings.database.owner_url.get_secret_value()
    asyncio.run(inspect(url))  # Says why it cannot be reached, before alembic does it in fifty lines.
    migrations.upgrade(url)
    has_role = asyncio.run(settle(url, audit_kept_days=settings.database.audit_kept_days))
    # As the owner: the service's own role may not be there.
    owner = settings.database.model_copy(update={"url": settings.database.owner_url})
    asyncio.run(replay_once(settings.model_copy(update={"database": owner})))
    return has_role


async def sow(settings: Settings) -> bool:
    """Puts the demo data into the database; False if it was there."""
    of_operator()
    async with running_services(settings, Draining(), application_name="todo-seed") as services:
        return await seed(services)


async def sow_for_developer(settings: Settings) -> str:
    """Puts in what is missing of the demo data, and returns a new API key for it ("" if its user was changed)."""
    of_operator()
    async with running_services(settings, Draining(), application_name="todo-seed") as services:
        return await seed_with_api_key(services)


async def appoint(settings: Settings, email: str) -> User:
    """Makes an account an administrator. Raises NotFound."""
    of_operator()
    async with running_services(settings, Draining(), application_name="todo-appoint") as services:
        return await administration.appoint(services.database, email)


async def blocks_in_force(settings: Settings) -> list[Block]:
    """The newest hundred blocks that hold."""
    async with running_services(settings, Draining(), application_name="todo-blocks") as services:
        return await block_queries.in_force(services.database.reader, MAXIMUM_LIMIT)


async def lift_blocks(settings: Settings, client_key: str) -> int:
    """Lets a client in again; how many blocks that ended. The running processes find out within a second."""
    of_operator()
    async with running_services(settings, Draining(), application_name="todo-blocks") as services:
        return len(await block_commands.lift_client(services.database, client_key))


async def reset_second_factors(settings: Settings, email: str) -> None:
    """Takes all second factors from an account. Raises NotFound and Conflict."""
    async with running_services(settings, Draining(), application_name="todo-mfa-reset") as services:
        await factor_reset.reset_second_factors_of(services.database, services.cipher, email)


def run(settings: Settings) -> int:
    """Starts everything, prints where it is, and stays until Ctrl-C or until a part of it dies; the exit status.

    Raises ListenError before anything is started, LocalStackError, DatabaseUnreachable.
    """
    listen(settings.http.host, settings.http.port).close()
    for number in _STOP_SIGNALS:
        signal.signal(number, _interrupt)
    try:
        if settings.database.url.get_secret_value():
            return _run_on(settings, settings, [])
        stack = _stack(settings, is_lasting=True)
        stack.start()
        with _prepared(stack, settings) as ready:
            return _run_on(ready, settings, stack.servers)
    except KeyboardInterrupt:
        return 0


def _run_on(ready: Settings, configured: Settings, below: list[ServerProcess]) -> int:
    migrate(ready)
    api_key = asyncio.run(sow_for_developer(ready))
    return _supervise(ready, welcome(configured, ready, api_key), below)


def _supervise(settings: Settings, greeting: str, below: list[ServerProcess]) -> int:
    """Runs API and worker until one of them ends, or one of the servers `below` them; the exit status."""
    parts = [_part("API", "serve", settings), _part("worker", "worker", settings)]
    try:
        for part in parts:
            part.start()
        print(greeting, flush=True)
        ended = _first_to_end([*below, *parts])
        print(f"{ended.program.name} has ended:\n{ended.log_tail()}", file=sys.stderr)
    except ServerProcessError as error:
        print(error, file=sys.stderr)
    finally:
        for number in _STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # It is stopping.
        for part in reversed(parts):
            part.stop()
    return 1


def _first_to_end(parts: list[ServerProcess]) -> ServerProcess:
    with _log("worker").open(encoding="utf-8", errors="replace") as worker_log:
        while True:
            show_messages(worker_log)
            for part in parts:
                if not part.is_running:
                    return part
            time.sleep(WATCH_SECONDS)


def show_messages(worker_log: TextIO) -> None:
    """Prints the mail and the text messages that the worker has printed into its log since the last call."""
    while True:
        position = worker_log.tell()
        line = worker_log.readline()
        if not line.endswith("\n"):  # Nothing yet, or half a line: the next call reads it from its beginning.
            worker_log.seek(position)
            return
        if line.startswith(tuple(MARKS.values())):
            print(line, end="", flush=True)


def welcome(configured: Settings, running: Settings, api_key: str) -> str:
    """What a newcomer needs to see; the last line can be pasted into a shell as it is, as long as there is a key."""
    base = running.http.base_url
    facts = {
        "Todo service": base,
        "Documentation": f"{base}/docs/v2",
        "Demo login": f"{DEMO_EMAIL} / {DEMO_PASSWORD}",
        "Demo API key": f"{api_key}, for a day" if api_key else "none, as the demo login was changed",
        "Logs": " and ".join(str(_log(command)) for command in ("serve", "worker")),
    }
    if not configured.database.url.get_secret_value():  # An address of the user's may hold a password.
        facts["Database"] = running.database.url.get_secret_value()
    table = "\n".join(f"  {name:<14} {fact}" for name, fact in {**facts, "Stop": "Ctrl-C"}.items())
    return f"""
{table}

  curl -s "{base}/api/v2/todos?limit=3" -H "Authorization: Bearer {api_key or "..."}"
"""


def _part(name: str, command: str, settings: Settings) -> ServerProcess:
    """A `todo` command as a child, on the servers that these settings name."""
    http = settings.http
    urls = {
        "DATABASE_URL": settings.database.url.get_secret_value(),
        "REDIS_URL": settings.redis.url.get_secret_value(),
    }
    log = _log(command)
    log.parent.mkdir(exist_ok=True)
    return ServerProcess(
        ServerProgram(
            name=name,
            arguments=[sys.executable, "-P", "-m", "app.cli", command],
            directory=Path.cwd(),
            log=log,
            stop_signal=signal.SIGTERM,
            is_ready=lambda _pid: command != "serve" or _is_ready(http.host, http.port),
            environment={**IMPATIENT, **os.environ, **urls},
        )
    )


def _log(command: str) -> Path:
    return DEFAULT_DIRECTORY / f"{command}.log"


def _is_ready(host: str, port: int) -> bool:
    """True when the API answers that it can take requests. An address that means "all of them" is asked locally."""
    connection = HTTPConnection({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, timeout=2)  # noqa: S104 - compared, not bound
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
