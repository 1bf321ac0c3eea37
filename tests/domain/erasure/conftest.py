"""A database of their own for people who are erased: what is found in it was left by them."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.database.executor import Database
from app.domain.identity.authority import Authority
from app.domain.identity.letters import Letters
from app.domain.second_factors.keys import FactorKeys
from app.settings import load_settings
from tests.conftest import TEMPLATE, WORKER, Stack, recreate
from tests.domain.erasure.leavers import Scene


@pytest.fixture(scope="session")
async def erasure_url(stack: Stack) -> str:
    return await recreate(stack.admin_url, f"todo_{WORKER}_erasure_test", template=TEMPLATE)


@pytest.fixture
async def scene(erasure_url: str, authority: Authority, keys: FactorKeys, letters: Letters) -> AsyncIterator[Scene]:
    database = Database(load_settings(ENVIRONMENT="test", DATABASE_URL=erasure_url).database)
    connection = await asyncpg.connect(erasure_url)
    yield Scene(database, authority, keys, letters, connection)
    await connection.close()
    await database.close()
