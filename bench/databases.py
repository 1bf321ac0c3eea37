"""Databases that hold a population: migrated by the code that will use them, filled once, then used again."""

import asyncio
import hashlib
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from argon2 import PasswordHasher

from app.domain.identity.passwords import Passwords
from bench import data
from bench.processes import ServerError

_MIGRATION_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Schema:
    """The code that migrates a database: its checkout and its interpreter."""

    directory: Path
    python: str

    def fingerprint(self) -> str:
        """The same for two checkouts whose databases are interchangeable."""
        digest = hashlib.sha256()
        for path in (Path(data.__file__), *sorted((self.directory / "migrations" / "versions").glob("*.py"))):
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    def migrate(self, environment: Mapping[str, str]) -> None:
        """Brings the database of `environment` to this schema. Raises ServerError with what the command said."""
        done = subprocess.run(
            [self.python, "-m", "app.cli", "migrate"],
            cwd=self.directory,
            env={**environment, "PYTHONPATH": str(self.directory)},
            capture_output=True,
            check=False,
            text=True,
            timeout=_MIGRATION_SECONDS,
        )
        if done.returncode:
            raise ServerError(f"{self.directory} could not migrate its database\n{done.stdout}{done.stderr}")


def prepare(
    maintenance_url: str,
    url: str,
    population: data.Population,
    *,
    schema: Schema,
    environment: Mapping[str, str],
    say: Callable[[str], None],
) -> None:
    """Makes the database of `url` hold exactly the population, in that schema: in a minute or so, or as it was left."""
    name = url.partition("?")[0].rpartition("/")[2]
    contents = f"{population}, {population.users} users, {schema.fingerprint()}"
    if not asyncio.run(_made_anew(maintenance_url, name, contents)):
        asyncio.run(data.remove_created(url))
        return
    say(f"filling {name}: {population.todos:,} todos")
    schema.migrate({**environment, "DATABASE_URL": url})
    asyncio.run(_filled(url, name, population, contents))


def statements_of(log: str, table: str) -> Sequence[str]:
    """The statements about a table in a PostgreSQL log that was written with `log_statement = all`."""
    entries = [entry for entry in log.replace("\n\t", " ").splitlines() if "LOG:  execute " in entry]
    return [entry for entry in entries if table in entry.replace(",", " ").replace('"', " ").split()]


async def _made_anew(maintenance_url: str, name: str, contents: str) -> bool:
    """Creates an empty database, unless there is one with these contents."""
    connection = await asyncpg.connect(maintenance_url)
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


async def _filled(url: str, name: str, population: data.Population, contents: str) -> None:
    passwords = Passwords(threads=1)
    try:
        password_hash = await passwords.hash(data.PASSWORD)
    finally:
        passwords.close()
    await data.fill(url, population, password_hash=password_hash, before_hash=PasswordHasher().hash(data.PASSWORD))
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"COMMENT ON DATABASE \"{name}\" IS '{contents}'")
    finally:
        await connection.close()
