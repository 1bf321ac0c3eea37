"""Valkey servers of these tests' own, and the budgets that they hold."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.rate_limits.in_process import LocalBudgets
from app.rate_limits.shared import SharedBudgets
from app.redis.link import Link
from tests.rate_limits.budgets_made import Sharing
from tests.redis.links import linked, until_connected
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


@pytest.fixture
async def link(shared: Valkey) -> AsyncIterator[Link]:
    """Connected to the shared server, which is empty."""
    shared.ask("FLUSHALL")
    async with linked(shared.url) as opened:
        await until_connected(opened)
        yield opened


@pytest.fixture
def sharing(link: Link) -> Sharing:
    """Budgets in the shared server."""
    return sharing_over(link)


def sharing_over(link: Link) -> Sharing:
    """Budgets of one process that counts over this link."""
    local = LocalBudgets()
    return Sharing(link, SharedBudgets(link, local.charge), local)
