"""A service at an https address, a browser with a cookie jar, and somebody to log in."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.database.executor import Database
from app.domain.users.user import User
from app.settings import Settings, load_settings
from tests.conftest import UNREACHED, Running, running
from tests.factories import make_user
from tests.security.cookies.browsers import HERE, LISTED


@pytest.fixture(scope="module")
def browser_settings(database_url: str, redis_url: str) -> Settings:
    return load_settings(
        ENVIRONMENT="test",
        DATABASE_URL=database_url,
        REDIS_URL=redis_url,
        DRAIN_SECONDS="0",
        PUBLIC_BASE_URL=HERE,
        CORS_ORIGINS=LISTED,
        RATE_LIMIT_FACTOR=UNREACHED,
    )


@pytest.fixture(scope="module")
async def secure(browser_settings: Settings) -> AsyncIterator[Running]:
    async with running(browser_settings) as started:
        yield started


@pytest.fixture
async def browser(secure: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a cookie jar, over https."""
    transport = httpx.ASGITransport(secure.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=HERE) as http:
        yield http


@pytest.fixture
async def user(database: Database) -> User:
    return await make_user(database)
