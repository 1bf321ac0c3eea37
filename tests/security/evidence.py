"""Runs a service that talks as much as it can, lets a visitor walk through it, and collects what is left behind."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import redis

from app.database.executor import Database
from app.domain.identity.authority import authority
from app.local_stack import LocalStack
from app.settings import load_settings, variables
from bench.messages import request
from bench.processes import serving
from tests.conftest import UNREACHED
from tests.factories import make_user, open_session
from tests.failures.two_workers import ROOT
from tests.security.canaries import Visit, found_in
from tests.security.canary_flows import walk
from tests.security.deliveries import PATIENCE_SECONDS, Deliveries

# PostgreSQL writes down every statement, with all its parameters, as on a server that looks for slow ones.
LOG_STATEMENTS = (
    "ALTER SYSTEM SET log_min_duration_statement = 0",
    "ALTER SYSTEM SET log_parameter_max_length = -1",
    "ALTER SYSTEM SET log_parameter_max_length_on_error = -1",
    "ALTER SYSTEM SET track_activity_query_size = '16kB'",
    "SELECT pg_reload_conf()",
)
# What an operator knows and a database, a log or a client does not.
OPERATORS = {
    "SECRET_KEY": "canary of the operator 9d1c0a7e52b84f63",
    "SMS_TOKEN": "canary-of-the-provider-4b7e1f90aa",
    "ENCRYPTION_KEYS": "canary:kMYq0kB7o2n0mQ5xq0l8fWc3uA2jV9pTzN4hR6sDyE8=",
    "BLIND_INDEX_KEYS": "canary:Zp3vQ8mT1xK6wN2sB9yF4hJ7rD0cL5gA8uE1iO3kM6Q=",
}
# So that a flow need not wait half a minute for its second code.
ALWAYS = "sends_at_once"


@dataclass
class Evidence:
    """What was left behind, by place, and the visit that left it."""

    visit: Visit
    places: dict[str, bytes]

    def secrets_found(self) -> dict[str, list[str]]:
        """The secrets that can be read, by place."""
        return self._found({**self.visit.secrets, **{name: text.split(":")[-1] for name, text in OPERATORS.items()}})

    def private_found(self) -> dict[str, list[str]]:
        """What is nobody's business and can be read, by place."""
        return self._found(self.visit.private)

    def _found(self, wanted: dict[str, str]) -> dict[str, list[str]]:
        return {place: found for place, content in self.places.items() if (found := found_in(content, wanted))}


async def gather(servers: LocalStack, logs: Path, *, altered: str = "", **environment: str) -> Evidence:
    """Walks through a service, altered if so wanted, and collects what is left behind."""
    deliveries = Deliveries()
    url = servers.database_url("postgres")
    environment |= {**deliveries.settings, **OPERATORS}
    settings = load_settings(DATABASE_URL=url, **OPERATORS)
    watcher = await asyncpg.connect(url)
    places: dict[str, bytes] = {}
    try:
        for statement in LOG_STATEMENTS:
            await watcher.execute(statement)
        with (
            deliveries.open(),
            closing(authority(settings.security)) as proofs,
            _worker(servers, logs / "worker.log", altered=altered, **environment),
            _service(servers, logs / "service.log", altered=altered, **environment) as http,
        ):
            visit = Visit(http, deliveries.next)
            await asyncio.to_thread(walk, visit)
            database = Database(settings.database)
            administrator = await open_session(database, proofs, await make_user(database, roles=("admin",)))
            await database.close()
            headers = {"Authorization": f"Bearer {administrator.access_token}"}
            counts = [http.get(path, headers=headers) for path in ("/api/middleware/stats", "/health", "/health/ready")]
            assert [answer.status_code for answer in counts] == [200] * len(counts)
            places["counts"] = b"\n".join(answer.content for answer in counts)
            places["refusals"] = "\n".join(visit.refusals).encode()
            rows = await watcher.fetch("SELECT query FROM pg_stat_activity")
            places["pg_stat_activity"] = "\n".join(row["query"] or "" for row in rows).encode()
            places["Redis"] = _contents(servers.redis_url())
        for name in ("service", "worker"):
            places[f"log of the {name}"] = await asyncio.to_thread((logs / f"{name}.log").read_bytes)
        places["dump of the database"] = _dumped(servers)
        places["log of PostgreSQL"] = _legible(await asyncio.to_thread(servers.postgres.program.log.read_bytes))
    finally:
        await watcher.close()
    return Evidence(visit, places)


@contextmanager
def _worker(servers: LocalStack, log: Path, *, altered: str, **environment: str) -> Iterator[None]:
    """The process that delivers messages, and says all that it can into this log."""
    command = [sys.executable, "-m", "tests.failures.altered_service", f"{ALWAYS},{altered}", "worker"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=_settings(servers, **environment), stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


@contextmanager
def _service(servers: LocalStack, log: Path, *, altered: str, **environment: str) -> Iterator[httpx.Client]:
    """A client of a service that says all that it can, into this log."""
    with (
        serving(
            "the service",
            (sys.executable, "-m", "tests.failures.altered_service", f"{ALWAYS},{altered}", "serve"),
            environment=_settings(servers, **environment),
            directory=ROOT,
            log=log,
            answers=request("GET", "/health/ready"),
            cores=None,
        ) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=30) as http,
    ):
        yield http


def _settings(servers: LocalStack, **environment: str) -> dict[str, str]:
    """The environment of a process that talks as much as it can."""
    own = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in variables()}
    return {
        **own,
        "ENVIRONMENT": "test",
        "DATABASE_URL": servers.database_url("postgres"),
        "REDIS_URL": servers.redis_url(),
        "LOG_LEVEL": "debug",
        "DEBUG": "true",
        "DB_SLOW_QUERY_MS": "0.000001",
        "CACHE_COMPRESS_THRESHOLD": "1048576",  # What Redis holds can be searched then.
        "RATE_LIMIT_FACTOR": UNREACHED,
        **environment,
    }


# How Redis shows all of a value, by its type.
_WHOLE: dict[bytes, Callable[[redis.Redis, bytes], object]] = {
    b"string": lambda client, key: client.get(key),
    b"list": lambda client, key: client.lrange(key, 0, -1),
    b"set": lambda client, key: client.smembers(key),
    b"zset": lambda client, key: client.zrange(key, 0, -1, withscores=True),
    b"hash": lambda client, key: client.hgetall(key),
    b"stream": lambda client, key: client.xrange(key),
}


def _contents(redis_url: str) -> bytes:
    """Every key of Redis and every value, of whatever type. What is bytes stands there as it is."""
    found: list[bytes] = []
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter():
            value = _WHOLE[client.type(key)](client, key)
            found += [key, value if isinstance(value, bytes) else repr(value).encode()]
    return b"\n".join(found)


def _dumped(servers: LocalStack) -> bytes:
    """All tables."""
    program = Path(servers.postgres.program.arguments[0]).with_name("pg_dump")
    done = subprocess.run([program, "--dbname", servers.database_url("postgres")], capture_output=True, check=True)
    return _legible(done.stdout)


def _legible(written: bytes) -> bytes:
    """What PostgreSQL has written, and once more every value that is bytes, as bytes."""
    binary = [bytes.fromhex(found.decode()) for found in re.findall(rb"\\x((?:[0-9a-f]{2})+)", written)]
    return b"\n".join([written, *binary])
