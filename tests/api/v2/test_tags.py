"""Tags in version 2."""

from typing import Any
from uuid import uuid4

import pytest

from app.database.executor import Database
from tests.api.conftest import UNKEPT, NewPerson, Person
from tests.api.memberships import joined

TAGS = "/api/v2/tags"
TODOS = "/api/v2/todos"


@pytest.fixture
async def team(ann: Person) -> dict[str, Any]:
    return await ann.create("/api/v2/teams", name="Household")


class TestCreate:
    async def test_answers_the_whole_tag_with_its_place_and_its_tag(self, ann: Person, team: dict[str, Any]) -> None:
        response = await ann.http.post(TAGS, json={"name": " R&D ", "color": "#1E90FF", "team_id": team["id"]})
        tag = response.json()
        itself = f"{TAGS}/{tag['id']}"
        assert response.status_code == 201
        assert (response.headers["Location"], response.headers["ETag"]) == (itself, '"1-owner"')
        assert (tag["name"], tag["color"], tag["team_id"], tag["version"]) == ("R&D", "#1e90ff", team["id"], 1)
        assert "todo_count" not in tag
        assert tag["links"] == {
            "self": itself,
            "team": f"/api/v2/teams/{team['id']}",
            "todos": f"{TODOS}?team_id={team['id']}&tag=R%26D",
            "merge": f"{itself}/merge",
        }
        assert (await ann.http.get(itself)).json() == tag

    async def test_a_name_exists_once_whatever_its_case(self, ann: Person) -> None:
        await ann.create(TAGS, name="Home")
        response = await ann.http.post(TAGS, json={"name": "hOME"})
        assert (response.status_code, response.json()["code"]) == (409, "TAG_EXISTS")

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, "#/name"),
            ({"name": " "}, "#/name"),
            ({"name": "a,b"}, "#/name"),
            ({"name": "x" * 51}, "#/name"),
            ({"name": "x", "color": "red"}, "#/color"),
            ({"name": "x", "team_id": str(uuid4())}, "#/team_id"),
            ({"name": "x", "key": "y"}, "#/key"),
        ],
    )
    async def test_refuses_what_breaks_a_rule_and_says_where(
        self, ann: Person, body: dict[str, Any], pointer: str
    ) -> None:
        response = await ann.http.post(TAGS, json=body)
        assert response.status_code == 422
        assert [error["pointer"] for error in response.json()["errors"]] == [pointer]

    @pytest.mark.parametrize(("role", "status"), [("owner", 201), ("admin", 201), ("member", 201), ("viewer", 403)])
    async def test_who_may_write_may(
        self, new_person: NewPerson, ann: Person, team: dict[str, Any], role: str, status: int
    ) -> None:
        person = await joined(new_person, ann, team, role)
        response = await person.http.post(TAGS, json={"name": "x", "team_id": team["id"]})
        assert response.status_code == status


class TestList:
    @pytest.mark.parametrize("sort", ["name", "-name"])
    async def test_shows_all_teams_by_name_with_one_statement_a_page(
        self, ann: Person, bob: Person, team: dict[str, Any], service_database: Database, sort: str
    ) -> None:
        await bob.create(TAGS, name="hidden")
        made = [await ann.create(TAGS, name="b"), await ann.create(TAGS, name="A", team_id=team["id"])]
        made = [made[1], made[0], await ann.create(TAGS, name="c", team_id=team["id"])]
        url = f"{TAGS}?limit=2&sort={sort}"
        await ann.http.get(url)
        with service_database.observed() as statements:
            first = await ann.http.get(url, headers=UNKEPT)
        assert [name for name in statements if name.startswith("tags.")] == ["tags.page"]
        second = await ann.http.get(f"{url}&cursor={first.json()['page']['next_cursor']}")
        shown = [*first.json()["items"], *second.json()["items"]]
        assert shown == (made if sort == "name" else made[::-1])
        back = await ann.http.get(f"{url}&cursor={second.json()['page']['prev_cursor']}")
        assert back.json()["items"] == first.json()["items"]
        of_team = await ann.http.get(f"{TAGS}?team_id={team['id']}&fields=name")
        assert of_team.json()["items"] == [{"name": "A"}, {"name": "c"}]

    async def test_counts_todos_if_asked_with_one_statement_more(self, ann: Person, service_database: Database) -> None:
        for tags in (["home"], ["home", "work"]):
            await ann.create(TODOS, title="x", tags=tags)
        await ann.create(TAGS, name="idle")
        await ann.http.get(TAGS)
        with service_database.observed() as statements:
            response = await ann.http.get(f"{TAGS}?expand=todo_count&fields=name,todo_count", headers=UNKEPT)
        assert [name for name in statements if name.startswith("tags.")] == ["tags.page", "tags.count_todos"]
        assert response.json()["items"] == [
            {"name": "home", "todo_count": 2},
            {"name": "idle", "todo_count": 0},
            {"name": "work", "todo_count": 1},
        ]

    @pytest.mark.parametrize("query", ["sort=color", "expand=team", "team_id=x", "limit=0", "fields=key"])
    async def test_refuses_what_it_does_not_know(self, ann: Person, query: str) -> None:
        assert (await ann.http.get(f"{TAGS}?{query}")).status_code == 422


class TestGet:
    async def test_an_unchanged_tag_is_not_sent_again(self, ann: Person) -> None:
        tag = await ann.create(TAGS, name="home")
        response = await ann.http.get(f"{TAGS}/{tag['id']}", headers={"If-None-Match": '"1-owner"'})
        assert (response.status_code, response.content) == (304, b"")

    async def test_a_count_comes_under_a_weak_tag(self, ann: Person) -> None:
        tag = await ann.create(TAGS, name="home")
        first = await ann.http.get(f"{TAGS}/{tag['id']}?expand=todo_count")
        assert (first.json(), first.headers["ETag"][:2]) == ({**tag, "todo_count": 0}, "W/")
        await ann.create(TODOS, title="x", tags=["home"])
        headers = {"If-None-Match": first.headers["ETag"]}
        second = await ann.http.get(f"{TAGS}/{tag['id']}?expand=todo_count", headers=headers)
        assert (second.status_code, second.json()["todo_count"]) == (200, 1)

    async def test_viewers_see_no_actions(self, new_person: NewPerson, ann: Person, team: dict[str, Any]) -> None:
        tag = await ann.create(TAGS, name="home", team_id=team["id"])
        viewer = await joined(new_person, ann, team, "viewer")
        shown = (await viewer.http.get(f"{TAGS}/{tag['id']}")).json()
        assert set(shown["links"]) == {"self", "team", "todos"}
        assert (await viewer.http.get(shown["links"]["todos"])).status_code == 200

    async def test_what_is_not_visible_looks_like_what_does_not_exist(self, ann: Person, bob: Person) -> None:
        tag = await ann.create(TAGS, name="home")
        own = await bob.create(TAGS, name="own")
        requests: list[tuple[str, str, dict[str, str] | None]] = [
            ("GET", "", None),
            ("PATCH", "", {"name": "x"}),
            ("DELETE", "", None),
            ("POST", "/merge", {"into": own["id"]}),
        ]
        for tag_id in (tag["id"], str(uuid4())):
            for method, path, body in requests:
                response = await bob.http.request(method, f"{TAGS}/{tag_id}{path}", json=body)
                assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")


class TestUpdate:
    async def test_a_new_name_shows_in_the_todos_at_once(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x", tags=["home", "work"])
        [tag] = [tag for tag in (await ann.http.get(TAGS)).json()["items"] if tag["name"] == "home"]
        response = await ann.http.patch(
            f"{TAGS}/{tag['id']}",
            content=b'{"name": "House"}',
            headers={"Content-Type": "application/merge-patch+json", "If-Match": '"1-owner"'},
        )
        assert (response.status_code, response.headers["ETag"]) == (200, '"2-owner"')
        after = await ann.http.get(f"{TODOS}/{todo['id']}", headers={"If-None-Match": '"1-owner"'})
        assert (after.status_code, after.json()["tags"], after.headers["ETag"]) == (200, ["House", "work"], '"2-owner"')
        assert (await ann.http.patch(f"{TAGS}/{tag['id']}", json={})).json() == response.json()

    async def test_a_taken_name_is_a_conflict_and_a_stale_tag_too_late(self, ann: Person) -> None:
        tag = await ann.create(TAGS, name="home")
        await ann.create(TAGS, name="House")
        response = await ann.http.patch(f"{TAGS}/{tag['id']}", json={"name": "house"})
        assert (response.status_code, response.json()["code"]) == (409, "TAG_EXISTS")
        headers = {"If-Match": '"2-owner"'}
        for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
            response = await ann.http.request(method, f"{TAGS}/{tag['id']}", headers=headers, json=body)
            assert response.status_code == 412
        assert (await ann.http.get(f"{TAGS}/{tag['id']}")).json() == tag

    @pytest.mark.parametrize(("role", "status"), [("owner", 200), ("admin", 200), ("member", 200), ("viewer", 403)])
    async def test_who_may_write_may(
        self, new_person: NewPerson, ann: Person, team: dict[str, Any], role: str, status: int
    ) -> None:
        tag = await ann.create(TAGS, name="home", team_id=team["id"])
        person = await joined(new_person, ann, team, role)
        response = await person.http.patch(f"{TAGS}/{tag['id']}", json={"color": "#000000"})
        assert response.status_code == status


class TestDelete:
    async def test_the_todos_stay_without_it(self, ann: Person) -> None:
        tag = await ann.create(TAGS, name="home")
        todo = await ann.create(TODOS, title="x", tags=["home"])
        response = await ann.http.delete(f"{TAGS}/{tag['id']}")
        assert (response.status_code, response.content) == (204, b"")
        assert (await ann.http.get(f"{TODOS}/{todo['id']}")).json()["tags"] == []
        assert (await ann.http.get(f"{TAGS}/{tag['id']}")).status_code == 404


class TestMerge:
    async def test_todos_carry_the_other_tag_once(self, ann: Person) -> None:
        both = await ann.create(TODOS, title="x", tags=["house", "home"])
        one = await ann.create(TODOS, title="y", tags=["house"])
        home, house = (await ann.http.get(TAGS)).json()["items"]
        response = await ann.http.post(f"{TAGS}/{house['id']}/merge", json={"into": home["id"]})
        assert (response.status_code, response.json()) == (200, home)
        for todo in (both, one):
            assert (await ann.http.get(f"{TODOS}/{todo['id']}")).json()["tags"] == ["home"]
        assert (await ann.http.get(f"{TAGS}/{house['id']}")).status_code == 404

    async def test_only_with_another_tag_of_the_same_team(self, ann: Person, bob: Person, team: dict[str, Any]) -> None:
        tag = await ann.create(TAGS, name="home")
        elsewhere = await ann.create(TAGS, name="home", team_id=team["id"])
        hidden = await bob.create(TAGS, name="home")
        for into in (tag["id"], elsewhere["id"], hidden["id"], str(uuid4())):
            response = await ann.http.post(f"{TAGS}/{tag['id']}/merge", json={"into": into})
            assert response.status_code == 422
            assert [(e["pointer"], e["code"]) for e in response.json()["errors"]] == [("#/into", "UNKNOWN_TAG")]
