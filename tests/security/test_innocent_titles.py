"""What people write is theirs: the worst of it is stored as it is, found again, and speaks against nobody.

The titles look like attacks on SQL, HTML, shells, paths, spreadsheets, templates and renderers; they are homework,
recipes and names. The same texts in places that have a structure do score: so it is the place that decides, not luck.
"""

import random
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from app.abuse.content import families
from app.abuse.guard import Guard
from app.abuse.scores import score_key
from app.database.executor import Database
from app.settings import Settings
from tests.abuse.attacked import client_of, serving
from tests.conftest import Running
from tests.factories import bearer, make_user, open_session
from tests.valkey_servers import until

FILE = Path(__file__).with_name("innocent_titles.txt")
TITLES = FILE.read_text(encoding="utf-8").removesuffix("\n").split("\n")
OF_THE_CONVENTIONS = {"Tom & Jerry", "a < b && c > d", "<3 select from menu", "DROP TABLE notes; -- homework"}
# New ones for each run: what is scored outlives it where Redis does.
WRITER, PROBER = (f"198.51.100.{number}" for number in random.sample(range(1, 255), 2))


@pytest.fixture(scope="module")
async def service(settings: Settings) -> AsyncIterator[Running]:
    async with serving(settings) as started:
        yield started


@pytest.fixture
def guard(service: Running) -> Guard:
    assert service.services.guard is not None
    return service.services.guard


@pytest.fixture
async def writer(service: Running, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    user = await make_user(database)
    async with client_of(service.app, WRITER) as http:
        http.headers.update(bearer(await open_session(database, service.services.authority, user)))
        yield http


async def points(service: Running, address: str) -> int:
    """How many marks there are against an address, in Redis."""
    guard, cache = service.services.guard, service.services.cache
    assert guard is not None
    assert cache is not None
    assert cache.link.connected is not None
    await until(lambda: not guard._tasks)
    key = score_key(address)
    return int(await cache.link.connected.of(key).ask("ZCARD", key))


def stored(title: str) -> str:
    """What must come back, to the last byte."""
    return unicodedata.normalize("NFC", title)


def test_there_are_at_least_three_hundred_and_they_are_nasty():
    assert len(set(TITLES)) == len(TITLES) >= 300
    assert set(TITLES) >= OF_THE_CONVENTIONS
    assert sum(any(families(title)) for title in TITLES) >= 75
    assert any(title != stored(title) for title in TITLES)
    assert any(len(title) == 200 for title in TITLES)


class TestEverywhereThatPeopleWrite:
    async def test_todos_of_version_2(self, service: Running, writer: httpx.AsyncClient, guard: Guard):
        before = dict(guard.counts.signals)
        for title in TITLES:
            made = await writer.post("/api/v2/todos", json={"title": title, "description": title})
            assert made.status_code == 201, (title, made.text)
            again = (await writer.get(f"/api/v2/todos/{made.json()['id']}")).json()
            assert (again["title"], again["description"]) == (stored(title), stored(title))
        assert guard.counts.signals == before
        assert await points(service, WRITER) == 0

    async def test_todos_of_version_1(self, service: Running, writer: httpx.AsyncClient, guard: Guard):
        before = dict(guard.counts.signals)
        for title in TITLES:
            made = await writer.post("/api/v1/todos", json={"title": title, "description": title})
            assert made.status_code == 201, (title, made.text)
            again = (await writer.get(f"/api/v1/todos/{made.json()['id']}")).json()
            assert (again["title"], again["description"]) == (stored(title), stored(title))
        assert guard.counts.signals == before
        assert await points(service, WRITER) == 0

    async def test_names_of_projects_and_tags(self, service: Running, writer: httpx.AsyncClient, guard: Guard):
        before = dict(guard.counts.signals)
        names: set[str] = set()
        for title in TITLES:
            made = await writer.post("/api/v2/projects", json={"name": title})
            assert made.status_code == 201, (title, made.text)
            assert made.json()["name"] == stored(title)
            folded = stored(title).casefold()
            if len(stored(title)) > 50 or "," in title or folded in names:
                continue
            names.add(folded)
            tagged = await writer.post("/api/v2/todos", json={"title": "x", "tags": [title]})
            assert tagged.status_code == 201, (title, tagged.text)
            assert (await writer.get("/api/v2/todos", params={"tag": title, "limit": 1})).status_code == 200
        assert len(names) >= 250
        assert guard.counts.signals == before
        assert await points(service, WRITER) == 0

    @pytest.mark.parametrize("version", ["v1", "v2"])
    async def test_searches(self, service: Running, writer: httpx.AsyncClient, guard: Guard, version: str):
        before = dict(guard.counts.signals)
        for title in TITLES:
            found = await writer.get(f"/api/{version}/todos", params={"q": title})
            assert found.status_code == 200, (title, found.text)
        assert guard.counts.signals == before
        assert await points(service, WRITER) == 0

    async def test_searches_that_are_refused_for_another_reason(
        self, service: Running, writer: httpx.AsyncClient, guard: Guard
    ):
        before = dict(guard.counts.signals)
        for title in TITLES:
            refused = await writer.get("/api/v2/todos", params={"q": title, "limit": "1000"})
            assert refused.status_code == 422
            refused = await writer.post("/api/v2/todos", json={"title": title, "titel": title})
            assert refused.status_code == 422
        assert guard.counts.signals == before
        assert await points(service, WRITER) == 0

    async def test_and_the_writer_is_served_as_ever(self, writer: httpx.AsyncClient, guard: Guard):
        assert guard.blocklist.seconds_left(WRITER) == 0
        assert guard.delay_seconds(WRITER) == 0
        assert (await writer.get("/api/v2/todos")).status_code == 200


class TestElsewhere:
    async def test_the_same_texts_in_a_path_speak_against_a_client(self, service: Running, guard: Guard):
        before = sum(count for signal, count in guard.counts.signals.items() if signal.startswith("content_"))
        async with client_of(service.app, PROBER) as http:
            for title in TITLES[:40]:
                await http.get(f"/api/v2/todos/{quote(title, safe='')}")
        after = sum(count for signal, count in guard.counts.signals.items() if signal.startswith("content_"))
        assert after - before >= 10

    async def test_and_so_they_do_in_parameters_with_a_structure(self, service: Running, guard: Guard):
        before = guard.counts.signals.get("content_sql", 0)
        async with client_of(service.app, PROBER) as http:
            await http.get("/docs", params={"id": "1 UNION SELECT password FROM users"})
        assert guard.counts.signals["content_sql"] == before + 1
        assert await points(service, PROBER) > 0
