"""A pool of one connection, so that what happens to it is seen at once."""

from collections.abc import AsyncIterator

import pytest

from app.database.executor import Database
from app.settings import Settings, load_settings


@pytest.fixture
def lone_url(settings: Settings) -> str:
    return settings.database.url.get_secret_value()


@pytest.fixture
async def lone(lone_url: str) -> AsyncIterator[Database]:
    database = Database(load_settings(DATABASE_URL=lone_url, DB_POOL_SIZE="1", DB_MAX_OVERFLOW="0").database)
    yield database
    await database.close()
