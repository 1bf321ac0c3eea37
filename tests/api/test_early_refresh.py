"""Loading a kept answer anew before it expires: what happens if that fails."""

from typing import Any

import pytest

from app.cache.entries import Entry
from app.cache.layer import Cache
from app.database.errors import DatabaseUnavailable
from app.database.executor import Database
from app.domain.todos.reading import TodoReader
from tests.api.conftest import Person
from tests.conftest import Running


@pytest.fixture
def cache(service: Running) -> Cache:
    """The service's own."""
    assert service.services.cache is not None
    return service.services.cache


@pytest.fixture
async def path(ann: Person) -> str:
    """Of a todo whose answer is kept."""
    todo = await ann.create("/api/v2/todos", title="Paint")
    kept = f"/api/v2/todos/{todo['id']}"
    assert (await ann.http.get(kept)).status_code == 200
    return kept


@pytest.fixture
def entry(cache: Cache, path: str) -> Entry[Any]:
    """What is kept of it, in the last tenth of its life."""
    return _due(cache, path)


def _due(cache: Cache, path: str) -> Entry[Any]:
    [(_, entry)] = [each for each in cache.bodies.most_used(len(cache.bodies)) if f" {path}?" in each[0]]
    entry.refresh_at = 0.0
    return entry


def failing(error: Exception) -> Any:
    """A query that ends so."""

    async def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


class TestAFailedRefresh:
    async def test_the_next_request_tries_again(
        self, ann: Person, path: str, entry: Entry[Any], service_database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(TodoReader, "get", failing(ZeroDivisionError()))
            assert (await ann.http.get(path)).status_code == 500
        with service_database.observed() as statements:
            assert (await ann.http.get(path)).status_code == 200
        assert [name for name in statements if name.startswith("todos.")] != []
        with service_database.observed() as statements:
            assert (await ann.http.get(path)).status_code == 200
        assert statements == []

    async def test_without_the_database_everybody_gets_what_is_there(
        self, ann: Person, path: str, entry: Entry[Any], cache: Cache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refreshes = cache.counts.of(entry.kind_name)
        before = refreshes.early_refreshes
        with monkeypatch.context() as patched:
            patched.setattr(TodoReader, "get", failing(DatabaseUnavailable("DATABASE_DOWN")))
            answers = [await ann.http.get(path) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert {answer.json()["title"] for answer in answers} == {"Paint"}
        assert refreshes.early_refreshes == before + 1, "all tried, one after the other"
        entry.refresh_at = 0.0
        await ann.http.get(path)
        assert refreshes.early_refreshes == before + 2, "nobody tries again"
        assert _due(cache, path) is not entry

    async def test_what_was_changed_meanwhile_is_not_served(
        self, ann: Person, path: str, entry: Entry[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Only what Redis has just confirmed is; without it, a database that is away is a 503."""
        changed = await ann.http.patch(path, json={"title": "Paint the door"})
        assert changed.status_code == 200
        monkeypatch.setattr(TodoReader, "get", failing(DatabaseUnavailable("DATABASE_DOWN")))
        assert (await ann.http.get(path)).status_code == 503
