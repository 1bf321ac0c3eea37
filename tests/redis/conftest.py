"""Valkey servers of these tests' own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.redis_proxy import RedisProxy
from tests.valkey_servers import Valkey


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A server that no test may harm."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A server to be killed and frozen."""
    with Valkey(tmp_path) as server:
        yield server


@pytest.fixture
async def proxy(shared: Valkey) -> AsyncIterator[RedisProxy]:
    """A way to the shared server that may be spoiled."""
    async with RedisProxy(shared.url) as way:
        yield way
