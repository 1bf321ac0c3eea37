"""A crowd that asks for what has just been forgotten: each process loads it at most once."""

import asyncio
from collections.abc import AsyncIterator
from statistics import median

import pytest

from tests.conftest import TEMPLATE, WORKER, Stack, recreate
from tests.failures.two_workers import Person, Workers, statements, until_hit, working

HERD = 300
ROUNDS = 5
LIST = "/api/v2/todos?limit=20"
STATS = "/api/v2/todos/stats"
# What answers these two, and what says who asks.
LIST_STATEMENT = "todos.page"
STATS_STATEMENT = "todos.stats"
SESSION_STATEMENT = "sessions.present"


@pytest.fixture(scope="module")
async def workers(stack: Stack, redis_url: str) -> AsyncIterator[Workers]:
    url = await recreate(stack.admin_url, f"todo_herd_{WORKER}_test", template=TEMPLATE)
    logged = {"DEBUG": "true", "LOG_LEVEL": "info"}
    async with working(url, [redis_url] * 2, store_url=redis_url, **logged) as started:
        yield started


@pytest.fixture
async def person(workers: Workers) -> Person:
    somebody = await workers.person()
    for number in range(20):
        await somebody.clients[0].ask("POST", "/api/v2/todos", {"title": f"{number}"})
    return somebody


async def loads(workers: Workers, person: Person, path: str, statement: str, **headers: str) -> list[int]:
    """How often each process runs the statement for a crowd that asks at once, after everything was forgotten."""
    crowd = [workers.client(number % 2, person.tokens.access_token) for number in range(HERD)]
    # Connected, and with what they ask for kept.
    await asyncio.gather(*(client.get("/health/live") for client in crowd))
    await workers.until_quiet()
    for server, client in zip(workers.servers, person.clients, strict=True):
        await until_hit(client, server, path, seconds=5)
    await workers.empty_cache()
    for server in workers.servers:
        server.empty_log()
    answers = await asyncio.gather(*(client.get(path, **headers) for client in crowd))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    for client in crowd:
        client.close()
    run = [statements(server) for server in workers.servers]
    assert all(names.count(SESSION_STATEMENT) <= 1 for names in run)
    return [names.count(statement) for names in run]


class TestHerd:
    async def test_a_list_is_loaded_at_most_once_by_each_process(self, workers: Workers, person: Person) -> None:
        for _ in range(ROUNDS):
            counts = await loads(workers, person, LIST, LIST_STATEMENT)
            assert max(counts) <= 1
            assert sum(counts) >= 1

    async def test_what_is_costly_is_mostly_loaded_once_by_all_processes_together(
        self, workers: Workers, person: Person
    ) -> None:
        rounds = [await loads(workers, person, STATS, STATS_STATEMENT) for _ in range(ROUNDS)]
        assert all(max(counts) <= 1 for counts in rounds)
        assert median(sum(counts) for counts in rounds) == 1

    async def test_negative_control_who_takes_nothing_kept_is_counted_each_time(
        self, workers: Workers, person: Person
    ) -> None:
        counts = await loads(workers, person, LIST, LIST_STATEMENT, Cache_Control="no-cache")
        assert counts == [HERD / 2, HERD / 2]
