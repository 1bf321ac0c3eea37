"""Real servers for every test: one PostgreSQL and one Valkey a run, one database and one key space a pytest worker.

They are embedded, unless DATABASE_URL and REDIS_URL name others. No test ever touches a database whose name does not
end in `_test`.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from asgi_lifespan import LifespanManager
from starlette.types import ASGIApp, Receive, Scope, Send

from app.database import migrations
from app.database.executor import Database
from app.domain.second_factors import proving
from app.field_encryption import FieldCipher, field_cipher
from app.lifespan import Services
from app.local_stack import LocalStack
from app.main import create_app
from app.settings import Settings, load_settings, variables
from tests.authenticators import Clock
from tests.messages import Outbox

TEMPLATE = "todo_template_test"
# All of the tests come from one address. Limits are counted all the same.
UNREACHED = "1000"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")  # One process alone is the first worker.


@dataclass(frozen=True)
class Stack:
    """The servers of this run: an address to create databases from, and Redis."""

    admin_url: str
    redis_url: str


def only_for_tests(database_url: str) -> str:
    """The same address, if its database is one that tests may destroy. Ends the run otherwise."""
    name = urlsplit(database_url).path.removeprefix("/")
    if not name.endswith("_test"):
        pytest.exit(f"Tests destroy what they find: the database {name!r} does not end in _test.", returncode=4)
    return database_url


def with_database(database_url: str, name: str) -> str:
    """The address of another database of the same server."""
    return urlsplit(database_url)._replace(path=f"/{name}").geturl()


def with_user(database_url: str, name: str, password: str) -> str:
    """The address of the same database for another user."""
    parts = urlsplit(database_url)
    return parts._replace(netloc=f"{name}:{password}@{parts.netloc.rpartition('@')[2]}").geturl()


def with_number(redis_url: str, number: int) -> str:
    """The address of another key space of the same Redis; "" stays as it is: there is none."""
    if not redis_url:
        return ""
    if redis_url.startswith("unix://"):
        return f"{redis_url.partition('?')[0]}?db={number}"
    return urlsplit(redis_url)._replace(path=f"/{number}").geturl()


# Several pytest workers may make it at once.
_SERVICE_ROLE = """
DO $$
BEGIN
    CREATE ROLE todo_tests LOGIN PASSWORD 'todo-tests' IN ROLE todo_app;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$
"""
_STACK = pytest.StashKey[Stack]()
_EMBEDDED = pytest.StashKey[tuple[LocalStack, Path]]()


def pytest_configure(config: pytest.Config) -> None:
    """Takes the servers' addresses out of the environment, and everything else that the settings would read."""
    database_url, redis_url = os.environ.get("DATABASE_URL", ""), os.environ.get("REDIS_URL", "")
    for variable in variables():
        os.environ.pop(variable, None)
        os.environ.pop(f"{variable}_FILE", None)
    if worker := getattr(config, "workerinput", None):
        config.stash[_STACK] = Stack(worker["admin_url"], worker["redis_url"])
    elif database_url:
        config.stash[_STACK] = Stack(only_for_tests(database_url), redis_url)
        _make_template(config.stash[_STACK].admin_url)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """Tells a pytest-xdist worker where the servers are; they are started for the first one that asks."""
    stack = _running(node.config)
    node.workerinput["admin_url"], node.workerinput["redis_url"] = stack.admin_url, stack.redis_url


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stops what was started."""
    if (embedded := config.stash.get(_EMBEDDED, None)) is not None:
        servers, directory = embedded
        servers.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _running(config: pytest.Config) -> Stack:
    if _STACK not in config.stash:
        directory = directory_for_servers()
        servers = LocalStack(directory, durable=False)
        config.stash[_EMBEDDED] = (servers, directory)
        servers.start()
        config.stash[_STACK] = Stack(servers.database_url("postgres"), servers.redis_url())
        _make_template(config.stash[_STACK].admin_url)
    return config.stash[_STACK]


def directory_for_servers() -> Path:
    """A new directory that the user who runs PostgreSQL for root can pass; pytest's own are private."""
    directory = Path(tempfile.mkdtemp(prefix="todo-tests-"))
    directory.chmod(0o711)
    return directory


def _make_template(admin_url: str) -> None:
    asyncio.run(recreate(admin_url, TEMPLATE))
    migrations.upgrade(with_database(admin_url, TEMPLATE))


async def recreate(admin_url: str, name: str, *, template: str = "template1") -> str:
    """Makes a database anew; returns its address."""
    url = only_for_tests(with_database(admin_url, name))
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        await connection.close()
    return url


async def for_the_service(database_url: str) -> str:
    """The address of a migrated database for somebody with the rights that the service has, and no others."""
    owner = await asyncpg.connect(database_url)
    try:
        await owner.execute(_SERVICE_ROLE)
    finally:
        await owner.close()
    return with_user(database_url, "todo_tests", "todo-tests")


@pytest.fixture
def server_directory() -> Iterator[Path]:
    """A directory for servers of the test's own."""
    directory = directory_for_servers()
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Stack:
    """The servers of this run, started."""
    return _running(request.config)


@pytest.fixture(scope="session")
async def database_url(stack: Stack) -> str:
    """A migrated database of this worker's own."""
    return await recreate(stack.admin_url, f"todo_{WORKER}_test", template=TEMPLATE)


@pytest.fixture(scope="session")
async def service_url(database_url: str) -> str:
    """The same database, with the rights of the service."""
    return await for_the_service(database_url)


@pytest.fixture(scope="session")
def redis_url(stack: Stack) -> str:
    """A Redis key space of this worker's own."""
    return with_number(stack.redis_url, int(WORKER.removeprefix("gw")))


@pytest.fixture(scope="session")
def settings(service_url: str, redis_url: str) -> Settings:
    """Settings of a service under test, on this worker's database and key space."""
    return load_settings(
        ENVIRONMENT="test",
        DATABASE_URL=service_url,
        REDIS_URL=redis_url,
        DRAIN_SECONDS="0",
        RATE_LIMIT_FACTOR=UNREACHED,
    )


@pytest.fixture(scope="session")
async def database(settings: Settings) -> AsyncIterator[Database]:
    """A pool of the test's own on this worker's database, for arranging and for looking."""
    opened = Database(settings.database, application_name="todo-tests")
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
async def owned_database(settings: Settings, database_url: str) -> AsyncIterator[Database]:
    """As `database`, with the rights of the owner: who may gather statistics, which plans rest on."""
    owner = settings.with_urls(database_url=database_url, redis_url="").database
    opened = Database(owner, application_name="todo-tests")
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def cipher(settings: Settings) -> FieldCipher:
    """The cipher of the service under test."""
    return field_cipher(settings.encryption)


@pytest.fixture
def outbox(database: Database, cipher: FieldCipher) -> Outbox:
    """What the service has written to people and nobody has delivered: in tests no worker runs."""
    return Outbox(database, cipher)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that second factors in this process live by."""
    made = Clock()
    monkeypatch.setattr(proving, "time", made)
    return made


@dataclass(frozen=True)
class Running:
    """The whole application, its lifespan running, and the services that it built."""

    app: ASGIApp
    services: Services


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """An application of these settings. Like a server, it gives each request a state of its own."""
    application = create_app(settings)
    async with LifespanManager(application, startup_timeout=60, shutdown_timeout=60) as manager:
        state = manager._state

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            await application({**scope, "state": dict(state)}, receive, send)

        yield Running(serve, state["services"])


@pytest.fixture(scope="session")
async def service(settings: Settings) -> AsyncIterator[Running]:
    """The service that most tests ask."""
    async with running(settings) as started:
        yield started


@pytest.fixture(scope="session")
def app(service: Running) -> ASGIApp:
    """The application of `service`."""
    return service.app


@pytest.fixture
async def client(app: ASGIApp, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application; what goes wrong inside comes back as an answer, as it would over the network."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=settings.http.base_url) as http:
        yield http
