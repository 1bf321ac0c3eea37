"""What a request asks of Redis before it is answered leaves in one write: its limits, its session, its tags."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.api.kept import Answer
from app.cache.layer import Cache
from app.database.executor import Database
from app.redis.pipeline import Pipeline
from app.settings import Settings
from tests.api.limited import Limited, limited_service

V1, V2 = "/api/v1", "/api/v2"
NOBODY = "0193aaaa-aaaa-7aaa-aaaa-aaaaaaaaaaaa"
# Asked by the link itself, every second.
_OWN = b"$4\r\nINFO\r\n"


class Writes:
    """The writes of one connection, each as the commands in it."""

    def __init__(self, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commands: list[list[str]] = []
        transport = pipeline._transport
        assert transport is not None
        write = transport.write

        class Transport:
            def __init__(self, writes: list[list[str]]) -> None:
                self._writes = writes

            def write(self, data: bytes) -> None:
                if _OWN not in data:
                    self._writes.append([name for name in _names(data) if name != "SET"] or ["SET"])
                write(data)

            def __getattr__(self, name: str) -> object:
                return getattr(transport, name)

        monkeypatch.setattr(pipeline, "_transport", Transport(self.commands))

    def taken(self) -> list[list[str]]:
        """What was written since the last call."""
        taken, self.commands[:] = list(self.commands), []
        return taken


def _names(data: bytes) -> list[str]:
    names, lines = [], data.split(b"\r\n")
    for at, line in enumerate(lines):
        if line.startswith(b"*") and line[1:].isdigit():
            names.append(lines[at + 2].decode())
    return names


@pytest.fixture
async def service(settings: Settings, database: Database) -> AsyncIterator[Limited]:
    async with limited_service(settings, database, factor="1000") as started:
        yield started


@pytest.fixture
def cache(service: Limited) -> Cache:
    cache = service.running.services.cache
    assert cache is not None
    return cache


@pytest.fixture
async def ann(service: Limited) -> httpx.AsyncClient:
    """Known to the process, as is the script to Redis."""
    http = await service.somebody()
    assert (await http.get(f"{V2}/teams")).status_code == 200
    return http


@pytest.fixture
def writes(cache: Cache, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> Writes:
    assert cache.link.connected is not None
    return Writes(cache.link.connected.of("x"), monkeypatch)


async def test_an_answer_that_the_process_holds(ann: httpx.AsyncClient, writes: Writes) -> None:
    await ann.get(f"{V2}/todos")
    writes.taken()
    assert (await ann.get(f"{V2}/todos")).status_code == 200
    (asked,) = writes.taken()
    assert sorted(asked) == ["EVALSHA", "MGET"]


async def test_an_answer_that_redis_holds(ann: httpx.AsyncClient, writes: Writes, cache: Cache) -> None:
    await ann.get(f"{V2}/todos")
    _forget_answers(cache)
    writes.taken()
    assert (await ann.get(f"{V2}/todos")).status_code == 200
    (asked,) = writes.taken()
    assert sorted(asked) == ["EVALSHA", "GET", "MGET"]


async def test_a_list_that_has_to_be_loaded(ann: httpx.AsyncClient, writes: Writes) -> None:
    """What is loaded is kept by a second write, which nobody waits for."""
    assert (await ann.get(f"{V2}/teams?limit=3")).status_code == 200
    asked, *kept = writes.taken()
    assert sorted(asked) == ["EVALSHA", "GET", "MGET"]
    assert kept in ([], [["SET"]])


async def test_a_route_that_keeps_nothing(ann: httpx.AsyncClient, writes: Writes) -> None:
    assert (await ann.get(f"{V2}/me/sessions")).status_code == 200
    (asked,) = writes.taken()
    assert sorted(asked) == ["EVALSHA", "MGET"]


async def test_a_write_before_it_is_done_and_its_touch_after_it(ann: httpx.AsyncClient, writes: Writes) -> None:
    assert (await ann.post(f"{V2}/todos", json={"title": "x"})).status_code == 201
    asked, *touched = writes.taken()
    assert sorted(asked) == ["EVALSHA", "MGET"]
    assert touched == [["SET"]]


async def test_a_batch_asks_once_more_for_its_items(ann: httpx.AsyncClient, writes: Writes) -> None:
    operations = [{"op": "create", "data": {"title": str(number)}} for number in range(3)]
    assert (await ann.post(f"{V2}/todos/batch", json={"operations": operations})).status_code == 200
    assert [sorted(asked) for asked in writes.taken()] == [["EVALSHA", "MGET"], ["EVALSHA"], ["SET"]]


async def test_a_wrong_login(service: Limited, writes: Writes) -> None:
    http, guard = await service.anybody(), service.running.services.guard
    assert guard is not None
    login = {"email": "nobody@example.com", "password": "a quite long phrase 77"}
    for _ in range(2):  # the first has Redis load the scripts
        writes.taken()
        assert (await http.post(f"{V2}/auth/login", json=login)).status_code == 401
        await guard.close()
    # For the limits; for what is tried on the account, which only the body names; after the answer, for the score.
    assert writes.taken() == [["EVALSHA"]] * 3


@pytest.mark.parametrize("path", ["/nothing", f"{V1}/nothing"])
async def test_an_unknown_path(ann: httpx.AsyncClient, writes: Writes, path: str) -> None:
    assert (await ann.get(path)).status_code == 404
    assert writes.taken() == [["EVALSHA"]]


async def test_a_todo_that_does_not_exist(ann: httpx.AsyncClient, writes: Writes) -> None:
    assert (await ann.get(f"{V2}/todos/{NOBODY}")).status_code == 404
    assert sorted(writes.taken()[0]) == ["EVALSHA", "GET", "MGET"]


async def test_a_token_of_no_use(service: Limited, writes: Writes) -> None:
    http = await service.anybody()
    assert (await http.get(f"{V2}/todos", headers={"Authorization": "Bearer x.y.z"})).status_code == 401
    assert writes.taken() == [["EVALSHA"]]


async def test_health_asks_nothing(service: Limited, writes: Writes) -> None:
    assert (await (await service.anybody()).get("/health/live")).status_code == 200
    assert writes.taken() == []


def _forget_answers(cache: Cache) -> None:
    """The process forgets answers, and still knows its callers."""
    for key, entry in list(cache.bodies._entries.items()):
        if isinstance(entry.value, Answer):
            cache.bodies.drop(key)
