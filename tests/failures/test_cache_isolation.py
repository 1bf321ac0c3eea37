"""Two people who ask for the same addresses at the same time, in every way that a request can be spelled.

Neither ever gets a word of the other's, nor learns by a 304 what the other holds.
"""

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from tests.conftest import TEMPLATE, WORKER, Stack, recreate
from tests.failures.two_workers import Person, Workers, working

ROUNDS = 3
TODOS = "/api/v2/todos"
# The same list, spelled differently.
SPELLINGS = (
    f"{TODOS}?limit=20&status=open",
    f"{TODOS}?status=open&limit=20",
    f"{TODOS}?li%6Dit=20&status=open",
    f"{TODOS}?limit=20&status=%6fpen",
    "/api/v2/tod%6Fs?limit=20&status=open",
    f"{TODOS}?limit=20&status=open&expand=tags",
)
ALIKE = (
    *SPELLINGS,
    f"{TODOS}/stats",
    f"{TODOS}/today",
    "/api/v2/tags",
    "/api/v2/projects",
    "/api/v2/teams",
    "/api/v2/me",
)
FORWARDED = {
    "Forwarded": 'for=192.0.2.1;host="other.test";proto=https',
    "X-Forwarded-For": "192.0.2.1",
    "X-Forwarded-Host": "other.test",
    "X-Original-URL": "/api/v2/me",
    "X-Rewrite-URL": "/api/v2/me",
    "X-HTTP-Method-Override": "GET",
}


@dataclass
class Side:
    """One of the two: who they are, a word that only their things carry, one of them, and entity tags by path."""

    person: Person
    word: str
    todo: str
    tags: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
async def own_database_url(stack: Stack) -> str:
    return await recreate(stack.admin_url, f"todo_isolation_{WORKER}_test", template=TEMPLATE)


@pytest.fixture(scope="module")
async def workers(own_database_url: str, redis_url: str) -> AsyncIterator[Workers]:
    async with working(own_database_url, [redis_url] * 2, store_url=redis_url, altered="patient") as started:
        yield started


async def side(workers: Workers, word: str) -> Side:
    """Somebody new whose things are called by the word."""
    person = await workers.person()
    client = person.clients[0]
    await client.ask("PATCH", "/api/v2/me", {"name": word})
    await client.ask("POST", "/api/v2/projects", {"name": word})
    await client.ask("POST", "/api/v2/teams", {"name": word})
    # One of them has more, so that their counts differ, too.
    made = [await client.ask("POST", TODOS, {"title": word, "tags": [word]}) for _ in word]
    assert {todo.status for todo in made} == {201}
    return Side(person, word, f"{TODOS}/{made[0].document['id']}")


def variations(own: Side, other: Side, path: str) -> list[dict[str, str]]:
    """Headers that a request for `path` may carry, the other's entity tag among them."""
    tag = other.tags.get(path, '"1-owner"')
    accepts: list[dict[str, str]] = [{}, {"Accept": "*/*"}, {"Accept": "application/json"}, {"Accept": "application/*"}]
    prefers: list[dict[str, str]] = [{}, {"Prefer": "count=exact"}, {"Prefer": "return=minimal"}]
    rests: list[dict[str, str]] = [
        {},
        {"If-None-Match": tag},
        {"If-None-Match": tag[:-1] + '-br"'},
        FORWARDED,
        {"Cookie": f"user={other.person.id}", "X-User-Id": other.person.id, "From": other.person.user.email},
        {"Accept-Encoding": "gzip;q=0"},
    ]
    return [{**a, **b, **c} for a, b, c in itertools.product(accepts, prefers, rests)]


async def asked(own: Side, other: Side, path: str) -> list[str]:
    """What is wrong with the answers to one side, by all variations on each worker."""
    wrong: list[str] = []
    for worker, client in enumerate(own.person.clients):
        truth = json.loads((await client.get_from_database(path)).body)
        for headers in random.sample(found := variations(own, other, path), len(found)):
            answer = await client.ask("GET", path, headers=headers)
            if answer.status != 200 or other.word.encode() in answer.body:
                wrong.append(f"worker {worker}, {path}, {headers}: {answer.status} {answer.body[:200]!r}")
            elif "count=exact" not in headers.get("Prefer", "") and answer.document != truth:
                wrong.append(f"worker {worker}, {path}, {headers}: not what the database says")
            if not headers:
                own.tags[path] = answer.headers["etag"]
    return wrong


async def wrongs(sides: Sequence[Side]) -> list[str]:
    """What is wrong with the answers to both, who ask at the same time."""
    one, two = sides
    found: list[str] = []
    for path in ALIKE:
        for lists in await asyncio.gather(asked(one, two, path), asked(two, one, path)):
            found += lists
    return found


class TestTwoPeople:
    async def test_neither_gets_a_word_of_the_other(self, workers: Workers) -> None:
        sides = await side(workers, "aardvark"), await side(workers, "bumblebees")
        # The second time with each other's entity tags, which are then those of what is kept.
        assert await wrongs(sides) == []
        assert await wrongs(sides) == []

    async def test_one_todo_is_nothing_to_the_other(self, workers: Workers) -> None:
        one, two = await side(workers, "aardvark"), await side(workers, "bumblebees")
        for _ in range(ROUNDS):
            for own, other in ((one, two), (two, one)):
                for client, strange in zip(own.person.clients, other.person.clients, strict=True):
                    kept = await client.get(own.todo)
                    assert kept.status == 200
                    plain = await strange.get(own.todo)
                    same = await strange.get(own.todo, If_None_Match=kept.headers["etag"])
                    head = await strange.ask("HEAD", own.todo)
                    escaped = await strange.get(own.todo.replace("-", "%2D"))
                    assert [answer.status for answer in (plain, same, head, escaped)] == [404] * 4
                    assert own.word.encode() not in plain.body + same.body + escaped.body

    async def test_a_token_that_is_no_token_gets_nothing_that_is_kept(self, workers: Workers) -> None:
        own = await side(workers, "aardvark")
        token = own.person.tokens.access_token
        for worker, client in enumerate(own.person.clients):
            for path in ALIKE:
                assert (await client.get(path)).status == 200
                for spoilt in (token[:-4] + "AAAA", token.swapcase(), token + "x", token.partition(".")[2], ""):
                    answer = await workers.client(worker).get(path, Authorization=f"Bearer {spoilt}")
                    assert answer.status == 401, (path, spoilt)
                    assert own.word.encode() not in answer.body


class TestNegativeControls:
    async def test_a_service_that_keeps_answers_for_everybody_is_found(
        self, own_database_url: str, redis_url: str
    ) -> None:
        async with working(own_database_url, [redis_url], store_url=redis_url, altered="sees_everybody") as broken:
            sides = await side(broken, "aardvark"), await side(broken, "bumblebees")
            assert await wrongs(sides)
