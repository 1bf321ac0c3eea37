"""Answers that are kept: whoever gets one cannot tell, except by the statements that did not run."""

import json
from typing import Any

import httpx
import pytest

from app.api.content_codings import encode
from app.cache.layer import Cache
from app.database.executor import Database
from app.middleware import access_log, compression
from app.settings import Settings
from tests.api.conftest import UNKEPT, NewPerson, Person
from tests.conftest import Running, running

V1, V2 = "/api/v1", "/api/v2"
# Its own for each answer.
VOLATILE = {"x-request-id"}


@pytest.fixture
def cache(service: Running) -> Cache:
    """The service's own."""
    assert service.services.cache is not None
    return service.services.cache


@pytest.fixture
async def paths(ann: Person) -> dict[str, str]:
    """Every kind of answer that is kept, by name, with something to show."""
    team = await ann.create(f"{V2}/teams", name="Ours")
    project = await ann.create(f"{V2}/projects", team_id=team["id"], name="House")
    given = {"project_id": project["id"], "tags": ["home"], "due_date": "2020-01-01"}
    todo = await ann.create(f"{V2}/todos", title="Paint", **given)
    me = (await ann.http.get(f"{V2}/me")).json()
    tag = (await ann.http.get(f"{V2}/tags", headers=UNKEPT)).json()["items"][0]
    return {
        "todo": f"{V2}/todos/{todo['id']}",
        "sparse todo": f"{V2}/todos/{todo['id']}?fields=id,title",
        "expanded todo": f"{V2}/todos/{todo['id']}?expand=project,tags",
        "todos": f"{V2}/todos",
        "filtered todos": f"{V2}/todos?status=open&sort=due_date&limit=1&expand=project",
        "overdue": f"{V2}/todos/overdue",
        "today": f"{V2}/todos/today",
        "upcoming": f"{V2}/todos/upcoming",
        "trash": f"{V2}/todos/trash",
        "stats": f"{V2}/todos/stats",
        "project": f"{V2}/projects/{project['id']}",
        "projects": f"{V2}/projects",
        "tag": f"{V2}/tags/{tag['id']}",
        "tags": f"{V2}/tags?expand=todo_count",
        "team": f"{V2}/teams/{team['id']}",
        "teams": f"{V2}/teams",
        "member": f"{V2}/teams/{team['id']}/members/{me['id']}",
        "members": f"{V2}/teams/{team['id']}/members",
        "me": f"{V2}/me",
        "todo in version 1": f"{V1}/todos/{todo['id']}",
        "todos in version 1": f"{V1}/todos?completed=false",
        "stats in version 1": f"{V1}/todos/stats",
        "project in version 1": f"{V1}/projects/{project['id']}",
        "projects in version 1": f"{V1}/projects",
        "tags in version 1": f"{V1}/tags",
        "me in version 1": f"{V1}/users/me",
    }


def seen(response: httpx.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    """Everything that a client can compare."""
    headers = sorted((name, value) for name, value in response.headers.multi_items() if name not in VOLATILE)
    return response.status_code, headers, response.content


class TestAHit:
    async def test_runs_no_statement_wherever_it_is_kept(
        self, ann: Person, paths: dict[str, str], cache: Cache, service_database: Database
    ) -> None:
        for name, path in paths.items():
            await ann.http.get(path)
            with service_database.observed() as statements:
                from_process = await ann.http.get(path)
                cache.bodies.clear()
                from_redis = await ann.http.get(path)
            assert statements == [], name
            assert from_process.status_code == from_redis.status_code == 200, name

    @pytest.mark.parametrize("coding", ["identity", "gzip"])
    async def test_looks_like_the_answer_of_the_route(
        self, ann: Person, paths: dict[str, str], cache: Cache, coding: str
    ) -> None:
        for name, path in paths.items():
            headers = {"Accept-Encoding": coding}
            loaded = seen(await ann.http.get(path, headers=headers))
            early = seen(await ann.http.get(path, headers=headers))
            cache.bodies.clear()
            from_redis = seen(await ann.http.get(path, headers=headers))
            assert early == loaded, name
            assert from_redis == loaded, name

    async def test_has_the_same_body_as_an_answer_that_is_not_kept(self, ann: Person, paths: dict[str, str]) -> None:
        for name, path in paths.items():
            kept, anew = await ann.http.get(path), await ann.http.get(path, headers=UNKEPT)
            assert kept.json() == anew.json(), name

    async def test_counts_as_one(self, ann: Person, paths: dict[str, str], cache: Cache) -> None:
        await ann.http.get(paths["todos"])
        before = cache.counts.of("todos").process_hits
        await ann.http.get(paths["todos"])
        assert cache.counts.of("todos").process_hits == before + 1

    async def test_a_head_is_one_too(self, ann: Person, paths: dict[str, str], service_database: Database) -> None:
        whole = await ann.http.get(paths["todos"])
        with service_database.observed() as statements:
            head = await ann.http.head(paths["todos"])
        assert statements == []
        assert (head.content, head.headers["content-length"]) == (b"", whole.headers["content-length"])

    async def test_leaves_the_same_line_in_the_log(
        self, ann: Person, paths: dict[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written: list[bytes] = []
        monkeypatch.setattr(access_log, "line_writer", lambda: written.append)
        own = {"timestamp", "duration_ms", "request_id", "trace_id"}
        async with running(settings) as service:
            transport = httpx.ASGITransport(service.app)
            async with httpx.AsyncClient(
                transport=transport, base_url=str(ann.http.base_url), headers=ann.http.headers
            ) as http:
                for name in ("todo", "todos", "stats in version 1"):
                    written.clear()
                    for _ in range(2):
                        await http.get(paths[name])
                    first, second = (json.loads(line) for line in written)
                    assert {key: first[key] for key in first.keys() - own} == {
                        key: second[key] for key in second.keys() - own
                    }, name
                    assert first["caller_id"] == str(ann.user.id)

    async def test_is_compressed_once(self, ann: Person, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(5):
            await ann.create(f"{V2}/todos", title=f"Paint wall {number}")
        made: list[bytes] = []

        def counted(body: bytes, coding: bytes, level: int) -> bytes:
            made.append(coding)
            return encode(body, coding, level)

        monkeypatch.setattr(compression, "encode", counted)
        for coding in ("gzip", "br", "gzip", "br", "gzip"):
            answer = await ann.http.get(f"{V2}/todos", headers={"Accept-Encoding": coding})
            assert (answer.headers["content-encoding"], len(answer.json()["items"])) == (coding, 5)
        assert made == [b"gzip", b"br"]


class TestWhatTheClientHas:
    async def test_an_unchanged_list_costs_neither_statement_nor_body(
        self, ann: Person, paths: dict[str, str], cache: Cache, service_database: Database
    ) -> None:
        for name in ("todos", "stats", "projects", "tags", "members", "todos in version 1"):
            etag = (await ann.http.get(paths[name])).headers["etag"]
            assert etag.startswith('W/"'), name
            for forget in (False, True):
                if forget:  # Even where nobody has the body any more, its versions tell that it is the same.
                    cache.bodies.clear()
                    await _forget_bodies(cache)
                with service_database.observed() as statements:
                    response = await ann.http.get(paths[name], headers={"If-None-Match": etag})
                assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", etag), name
                assert [each for each in statements if each != "sessions.present"] == [], name

    async def test_a_changed_list_has_another_tag(self, ann: Person) -> None:
        etag = (await ann.http.get(f"{V2}/todos")).headers["etag"]
        await ann.create(f"{V2}/todos", title="New")
        response = await ann.http.get(f"{V2}/todos", headers={"If-None-Match": etag})
        assert response.status_code == 200
        assert [todo["title"] for todo in response.json()["items"]] == ["New"]

    async def test_a_malformed_tag_is_refused_on_both_ways(self, ann: Person, paths: dict[str, str]) -> None:
        answers = [await ann.http.get(paths["todo"], headers={"If-None-Match": "bare"}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [400, 400]

    async def test_a_star_does_not_hide_a_bad_query(self, ann: Person) -> None:
        answers = [await ann.http.get(f"{V2}/todos?limit=0", headers={"If-None-Match": "*"}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [422, 422]


class TestBypass:
    async def test_no_cache_reads_anew_each_time(
        self, ann: Person, paths: dict[str, str], service_database: Database
    ) -> None:
        for _ in range(2):
            with service_database.observed() as statements:
                await ann.http.get(paths["todo"], headers=UNKEPT)
            assert [name for name in statements if name.startswith("todos.")] != []


class TestWhatIsNotThere:
    async def test_is_remembered_for_a_while_and_found_when_it_comes_back(
        self, ann: Person, service_database: Database
    ) -> None:
        todo = await ann.create(f"{V2}/todos", title="Paint")
        path = f"{V2}/todos/{todo['id']}"
        await ann.http.delete(path)
        first = await ann.http.get(path)
        with service_database.observed() as statements:
            second = await ann.http.get(path)
        assert (first.status_code, second.status_code, statements) == (404, 404, [])
        assert first.json()["detail"] == second.json()["detail"]
        assert first.json()["request_id"] != second.json()["request_id"]
        await ann.http.post(f"{path}/restore")
        assert (await ann.http.get(path)).status_code == 200


class TestWrites:
    """Each is seen by the next request, by whoever makes it."""

    async def test_a_change_shows_at_once_in_every_kept_answer(self, ann: Person, paths: dict[str, str]) -> None:
        before = {name: await ann.http.get(path) for name, path in paths.items()}
        await ann.http.patch(paths["todo"], json={"title": "Paint it", "tags": ["garden"], "due_date": "2021-01-01"})
        await ann.http.patch(paths["project"], json={"name": "Castle"})
        await ann.http.patch(paths["team"], json={"name": "Theirs"})
        await ann.http.patch(paths["me"], json={"name": "Anna"})
        for name in before:
            kept, anew = await ann.http.get(paths[name]), await ann.http.get(paths[name], headers=UNKEPT)
            assert kept.json() == anew.json(), name
        changed = {name for name, answer in before.items() if (await ann.http.get(paths[name])).json() != answer.json()}
        assert {"todo", "todos", "expanded todo", "projects", "teams", "members", "me", "tags"} <= changed

    async def test_a_new_role_shows_at_once(self, ann: Person, new_person: NewPerson) -> None:
        bob = await new_person(name="Bob")
        team = await ann.create(f"{V2}/teams", name="Ours")
        member = await ann.create(f"{V2}/teams/{team['id']}/members", email=bob.user.email, role="member")
        todo = await ann.create(f"{V2}/todos", title="Paint", team_id=team["id"])
        path = f"{V2}/todos/{todo['id']}"
        assert (await bob.http.get(path)).headers["etag"] == '"1-member"'
        of_member = f"{V2}/teams/{team['id']}/members/{member['user_id']}"
        await ann.http.patch(of_member, json={"role": "viewer"})
        assert (await bob.http.get(path)).headers["etag"] == '"1-viewer"'
        await ann.http.delete(of_member)
        assert (await bob.http.get(path)).status_code == 404
        assert (await bob.http.get(f"{V2}/todos")).json()["items"] == []


class TestCallers:
    async def test_never_get_each_others_answers(
        self, ann: Person, new_person: NewPerson, paths: dict[str, str]
    ) -> None:
        bob = await new_person(name="Bob")
        for name, path in paths.items():
            of_ann = await ann.http.get(path)
            of_bob = await bob.http.get(path, headers={"If-None-Match": of_ann.headers["etag"]})
            assert of_bob.status_code in {200, 404}, name
            assert of_bob.content != of_ann.content or name in {"today", "upcoming", "trash"}, name

    async def test_a_session_that_ended_gets_nothing(self, ann: Person, paths: dict[str, str]) -> None:
        for path in (paths["todo"], paths["todos"]):
            assert (await ann.http.get(path)).status_code == 200
        await ann.http.post(f"{V2}/auth/logout", json={})
        for path in (paths["todo"], paths["todos"]):
            assert (await ann.http.get(path)).status_code == 401


async def _forget_bodies(cache: Cache) -> None:
    """Deletes every body from Redis, and leaves the versions."""
    connected = cache.link.connected
    assert connected is not None
    keys: list[Any] = await connected.of("").ask("KEYS", "{todo:*-*}*")
    if keys:
        await connected.of("").ask("DEL", *keys)
