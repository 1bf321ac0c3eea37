"""What is left of one's limits."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.database.executor import Database
from app.settings import Settings
from tests.api.limited import Limited, limited_service

PATH = "/api/v2/me/limits"


@pytest.fixture
async def service(settings: Settings, database: Database) -> AsyncIterator[Limited]:
    """By the day, so that nothing comes back meanwhile."""
    given = {"reads": "100/day", "writes": "50/day", "address": "90/day", "default": "2000/day", "bulk": "1000/day"}
    async with limited_service(settings, database, **given) as started:
        yield started


async def left(http: httpx.AsyncClient) -> dict[str, int]:
    """What remains of each limit."""
    answer = await http.get(PATH)
    assert answer.status_code == 200
    return {budget["name"]: budget["remaining"] for budget in answer.json()["limits"]}


class TestLimits:
    async def test_it_counts_as_a_read_and_shows_what_is_left_after_itself(self, service: Limited) -> None:
        http = await service.somebody()
        assert (await left(http))["reads"] == 99
        assert (await left(http))["reads"] == 98

    async def test_it_charges_nothing_else(self, service: Limited) -> None:
        http = await service.somebody()
        for _ in range(4):
            await left(http)
        seen = await left(http)
        assert (seen["writes"], seen["bulk"], seen["exports"], seen["auth"]) == (50, 1000, 20, 60)
        assert (seen["address"], seen["default"]) == (85, 1995)

    async def test_what_was_done_is_missing(self, service: Limited) -> None:
        http = await service.somebody()
        await http.post("/api/v2/todos", json={"title": "x"})
        operations = [{"op": "create", "data": {"title": str(number)}} for number in range(30)]
        await http.post("/api/v2/todos/batch", json={"operations": operations})
        seen = await left(http)
        assert (seen["writes"], seen["bulk"], seen["default"]) == (49, 970, 1968)

    async def test_each_says_whose_requests_it_counts_and_for_how_long(self, service: Limited) -> None:
        http = await service.somebody()
        shown = (await http.get(PATH)).json()
        budgets = {budget["name"]: budget for budget in shown["limits"]}
        assert (shown["is_shared"], shown["scale"]) == (True, 1.0)
        assert {name: budget["subject"] for name, budget in budgets.items()} == {
            "address": "address",
            **dict.fromkeys(("default", "reads", "writes", "bulk", "exports", "auth"), "user"),
        }
        assert (budgets["writes"]["limit"], budgets["writes"]["window_seconds"]) == (50, 86_400)
        assert budgets["writes"]["reset_seconds"] == 0
        assert 800 < budgets["reads"]["reset_seconds"] <= 864

    async def test_nobody_has_none(self, service: Limited) -> None:
        assert (await (await service.anybody()).get(PATH)).status_code == 401

    async def test_without_a_common_count_it_says_so(self, settings: Settings, database: Database) -> None:
        async with limited_service(settings, database, distributed="false") as service:
            assert (await (await service.somebody()).get(PATH)).json()["is_shared"] is False
