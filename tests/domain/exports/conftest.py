"""What tests of exports share: an empty queue, and somebody who has just logged in."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from app.database.executor import Database
from app.domain.identity.authority import Authority
from app.domain.users.caller import Caller
from tests.domain.exports.household import House, house_of
from tests.factories import make_user
from tests.team_factories import logged_in


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Any]:
    """A connection past the service; no export waits."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("DELETE FROM exports")
    yield connection
    await connection.close()


@pytest.fixture(autouse=True)
async def empty(rows: Any) -> None:
    """The worker takes whatever waits, so nothing of other tests may."""


@pytest.fixture
async def ann(database: Database, authority: Authority) -> Caller:
    """Somebody in a new session, which is fresh."""
    return await logged_in(database, authority, await make_user(database, name="Ann"))


@pytest.fixture
async def house(database: Database, authority: Authority) -> House:
    """Ann, whose data are exported, and others."""
    return await house_of(database, authority)
