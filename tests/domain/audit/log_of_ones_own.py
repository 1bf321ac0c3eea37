"""A log of the test's own, whose owner can do to it what nobody should."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from app.database.executor import Database
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.audit.verification import Break, Fault, Marks, Report, verify
from app.domain.ids import UserId
from app.domain.unit_of_work import unit_of_work
from app.settings import load_settings
from tests.conftest import TEMPLATE, WORKER, Stack, recreate


@dataclass(frozen=True)
class Log:
    """An empty log. The database has one connection, so that all rows are in one chain; `owner` is past every right."""

    url: str
    database: Database
    owner: "asyncpg.Connection[asyncpg.Record]"

    async def write(self, count: int = 1, *, actor: UserId | None = None) -> None:
        """So many entries, each of a unit of work of its own, with something in every field."""
        for number in range(count):
            async with unit_of_work(self.database) as work:
                subject = Subject("user", uuid4())
                changed = {"number": (None, number)}
                audit.record(work, Action.ACCESS_CHANGED, actor=actor, subject=subject, changed=changed)

    async def write_at(self, moment: datetime, count: int = 1) -> None:
        """So many entries of another time, as nobody but the owner can make them."""
        for _ in range(count):
            await self.owner.execute(
                "INSERT INTO audit_log (at, id, actor_kind, action, outcome) VALUES ($1, $2, 'system', 'x', 'done')",
                moment,
                uuid4(),
            )

    async def tamper(self, statement: str, *arguments: Any) -> None:
        """Runs a statement without any trigger."""
        await self.owner.execute("SET session_replication_role = replica")
        await self.owner.execute(statement, *arguments)
        await self.owner.execute("RESET session_replication_role")

    async def id_of(self, number: int) -> UUID:
        found = await self.owner.fetchval("SELECT id FROM audit_log WHERE number = $1", number)
        assert isinstance(found, UUID)
        return found

    async def report(self, against: Marks | None = None) -> Report:
        return await verify(self.database.reader, against=against)

    async def only_break(self, against: Marks | None = None) -> Break:
        (found,) = (await self.report(against)).breaks
        return found

    async def first_fault(self) -> tuple[int, Fault]:
        """Where the one chain breaks, and how."""
        found = await self.only_break()
        return found.number, found.fault


@asynccontextmanager
async def log_on(stack: Stack) -> AsyncIterator[Log]:
    """A log of the test's own; the database is made anew each time."""
    url = await recreate(stack.admin_url, f"todo_{WORKER}_audit_test", template=TEMPLATE)
    owner = await asyncpg.connect(url)
    async with pool_of_one(url) as database:
        yield Log(url, database, owner)
    await owner.close()


@asynccontextmanager
async def pool_of_one(url: str) -> AsyncIterator[Database]:
    """As a process with a single connection."""
    database = Database(load_settings(DATABASE_URL=url, DB_POOL_SIZE="1", DB_MAX_OVERFLOW="0").database)
    yield database
    await database.close()
