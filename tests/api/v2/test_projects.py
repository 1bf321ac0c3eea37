"""Projects in version 2."""

from typing import Any
from uuid import uuid4

import pytest

from app.database.executor import Database
from tests.api.conftest import UNKEPT, NewPerson, Person
from tests.api.memberships import joined

PROJECTS = "/api/v2/projects"
TODOS = "/api/v2/todos"


@pytest.fixture
async def team(ann: Person) -> dict[str, Any]:
    return await ann.create("/api/v2/teams", name="Household")


class TestCreate:
    async def test_answers_the_whole_project_with_its_place_and_its_tag(
        self, ann: Person, team: dict[str, Any]
    ) -> None:
        body = {"name": " Garden ", "description": "a < b && c > d", "color": "#1E90FF", "team_id": team["id"]}
        response = await ann.http.post(PROJECTS, json=body)
        project = response.json()
        itself = f"{PROJECTS}/{project['id']}"
        assert response.status_code == 201
        assert (response.headers["Location"], response.headers["ETag"]) == (itself, '"1-owner"')
        assert (project["name"], project["description"], project["color"]) == ("Garden", "a < b && c > d", "#1e90ff")
        assert (project["team_id"], project["user_id"]) == (team["id"], str(ann.user.id))
        assert (project["status"], project["version"], project["deleted_at"], project["purge_at"]) == (
            "active",
            1,
            None,
            None,
        )
        assert project["links"] == {
            "self": itself,
            "team": f"/api/v2/teams/{team['id']}",
            "todos": f"{TODOS}?project_id={project['id']}",
            "archive": f"{itself}/archive",
        }
        assert (await ann.http.get(itself)).json() == project

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, "#/name"),
            ({"name": " "}, "#/name"),
            ({"name": "x" * 201}, "#/name"),
            ({"name": "x", "description": "x" * 20_001}, "#/description"),
            ({"name": "x", "color": "blue"}, "#/color"),
            ({"name": "x", "status": "done"}, "#/status"),
            ({"name": "x", "position": "1"}, "#/position"),
            ({"name": "x", "position": 1e300}, "#/position"),
            ({"name": "x", "team_id": str(uuid4())}, "#/team_id"),
            ({"name": "x", "version": 7}, "#/version"),
        ],
    )
    async def test_refuses_what_breaks_a_rule_and_says_where(
        self, ann: Person, body: dict[str, Any], pointer: str
    ) -> None:
        response = await ann.http.post(PROJECTS, json=body)
        assert response.status_code == 422
        assert [error["pointer"] for error in response.json()["errors"]] == [pointer]

    @pytest.mark.parametrize(("role", "status"), [("owner", 201), ("admin", 201), ("member", 201), ("viewer", 403)])
    async def test_who_may_write_may(
        self, new_person: NewPerson, ann: Person, team: dict[str, Any], role: str, status: int
    ) -> None:
        person = await joined(new_person, ann, team, role)
        response = await person.http.post(PROJECTS, json={"name": "x", "team_id": team["id"]})
        assert response.status_code == status


class TestList:
    @pytest.mark.parametrize("sort", ["created_at", "-created_at", "position", "-position"])
    async def test_shows_all_teams_in_pages_with_one_statement_each(
        self, ann: Person, bob: Person, team: dict[str, Any], service_database: Database, sort: str
    ) -> None:
        await bob.create(PROJECTS, name="Hidden")
        places = [{}, {"team_id": team["id"]}] * 2
        made = [await ann.create(PROJECTS, name="x", position=-n, **place) for n, place in enumerate(places)]
        wanted = sorted(made, key=lambda project: project[sort.lstrip("-")], reverse=sort.startswith("-"))
        url = f"{PROJECTS}?limit=3&sort={sort}"
        await ann.http.get(url)
        with service_database.observed() as statements:
            first = await ann.http.get(url, headers=UNKEPT)
        assert [name for name in statements if name.startswith("projects.")] == ["projects.page"]
        second = await ann.http.get(f"{url}&cursor={first.json()['page']['next_cursor']}")
        assert [*first.json()["items"], *second.json()["items"]] == wanted
        assert second.json()["page"]["next_cursor"] is None
        back = await ann.http.get(f"{url}&cursor={second.json()['page']['prev_cursor']}")
        assert back.json()["items"] == first.json()["items"]

    async def test_filters_combine(self, new_person: NewPerson, ann: Person, team: dict[str, Any]) -> None:
        member = await joined(new_person, ann, team, "member")
        own = await ann.create(PROJECTS, name="own")
        anns = await ann.create(PROJECTS, name="anns", team_id=team["id"])
        members = await member.create(PROJECTS, name="members", team_id=team["id"], status="archived")

        async def found(query: str) -> list[str]:
            response = await ann.http.get(f"{PROJECTS}?sort=created_at&fields=id&{query}")
            return [project["id"] for project in response.json()["items"]]

        assert await found("limit=9") == [own["id"], anns["id"], members["id"]]
        assert await found(f"team_id={team['id']}") == [anns["id"], members["id"]]
        assert await found("status=archived") == [members["id"]]
        assert await found(f"user_id={ann.user.id}") == [own["id"], anns["id"]]
        assert await found(f"user_id={ann.user.id}&team_id={team['id']}&status=active") == [anns["id"]]
        assert await found(f"team_id={uuid4()}") == []

    async def test_a_cursor_is_good_for_its_own_list_only(self, ann: Person) -> None:
        for name in "ab":
            await ann.create(PROJECTS, name=name)
        cursor = (await ann.http.get(f"{PROJECTS}?limit=1")).json()["page"]["next_cursor"]
        for other in ("?sort=position&", "?status=active&", "/trash?"):
            response = await ann.http.get(f"{PROJECTS}{other}cursor={cursor}")
            assert (response.status_code, response.json()["code"]) == (400, "CURSOR_MISMATCH")

    @pytest.mark.parametrize(
        "query", ["sort=name", "status=done", "team_id=x", "limit=0", "page=1", "fields=id,secret"]
    )
    async def test_refuses_what_it_does_not_know(self, ann: Person, query: str) -> None:
        assert (await ann.http.get(f"{PROJECTS}?{query}")).status_code == 422


class TestGet:
    async def test_an_unchanged_project_is_not_sent_again(self, ann: Person) -> None:
        project = await ann.create(PROJECTS, name="Garden")
        response = await ann.http.get(f"{PROJECTS}/{project['id']}", headers={"If-None-Match": '"1-owner"'})
        assert (response.status_code, response.content, response.headers["ETag"]) == (304, b"", '"1-owner"')

    async def test_fewer_fields_come_under_a_weak_tag(self, ann: Person) -> None:
        project = await ann.create(PROJECTS, name="Garden")
        response = await ann.http.get(f"{PROJECTS}/{project['id']}?fields=name,version")
        assert response.json() == {"name": "Garden", "version": 1}
        assert response.headers["ETag"].startswith("W/")

    async def test_viewers_see_no_actions(self, new_person: NewPerson, ann: Person, team: dict[str, Any]) -> None:
        project = await ann.create(PROJECTS, name="Garden", team_id=team["id"])
        viewer = await joined(new_person, ann, team, "viewer")
        response = await viewer.http.get(f"{PROJECTS}/{project['id']}")
        assert set(response.json()["links"]) == {"self", "team", "todos"}
        assert response.headers["ETag"] == '"1-viewer"'

    async def test_what_is_not_visible_looks_like_what_does_not_exist(self, ann: Person, bob: Person) -> None:
        project = await ann.create(PROJECTS, name="Garden")
        for project_id in (project["id"], str(uuid4())):
            for method, path in (
                ("GET", ""),
                ("PATCH", ""),
                ("PUT", ""),
                ("DELETE", ""),
                ("POST", "/archive"),
                ("POST", "/unarchive"),
                ("POST", "/restore"),
            ):
                body = {"name": "x"} if method in {"PATCH", "PUT"} else None
                response = await bob.http.request(method, f"{PROJECTS}/{project_id}{path}", json=body)
                assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")


class TestUpdate:
    async def test_a_merge_patch_changes_what_it_names(self, ann: Person) -> None:
        project = await ann.create(PROJECTS, name="Garden", description="green")
        response = await ann.http.patch(
            f"{PROJECTS}/{project['id']}",
            content=b'{"name": "Yard", "position": 1}',
            headers={"Content-Type": "application/merge-patch+json", "If-Match": '"1-owner"'},
        )
        changed = response.json()
        assert (response.status_code, response.headers["ETag"]) == (200, '"2-owner"')
        assert (changed["name"], changed["description"], changed["position"]) == ("Yard", "green", 1.0)
        same = await ann.http.patch(f"{PROJECTS}/{project['id']}", json={})
        assert same.json() == changed

    async def test_put_replaces_all_but_the_position(self, ann: Person) -> None:
        project = await ann.create(
            PROJECTS, name="Garden", description="green", color="#00ff00", status="archived", position=5
        )
        replaced = (await ann.http.put(f"{PROJECTS}/{project['id']}", json={"name": "Yard"})).json()
        shown = {name: replaced[name] for name in ("name", "description", "color", "status", "position", "version")}
        assert shown == {
            "name": "Yard",
            "description": "",
            "color": "#808080",
            "status": "active",
            "position": 5.0,
            "version": 2,
        }
        again = await ann.http.put(f"{PROJECTS}/{project['id']}", json={"name": "Yard"})
        assert again.json() == replaced

    async def test_a_stale_tag_changes_nothing(self, ann: Person) -> None:
        project = await ann.create(PROJECTS, name="Garden")
        for method, path in (("PATCH", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/archive"), ("POST", "/unarchive")):
            body = {"name": "x"} if method in {"PATCH", "PUT"} else None
            response = await ann.http.request(
                method, f"{PROJECTS}/{project['id']}{path}", headers={"If-Match": '"2-owner"'}, json=body
            )
            assert response.status_code == 412
        assert (await ann.http.get(f"{PROJECTS}/{project['id']}")).json() == project

    @pytest.mark.parametrize(
        "body", [{"name": None}, {"description": None}, {"position": None}, {"team_id": str(uuid4())}, {"version": 3}]
    )
    async def test_refuses_what_cannot_be_cleared_or_set(self, ann: Person, body: dict[str, Any]) -> None:
        project = await ann.create(PROJECTS, name="Garden")
        assert (await ann.http.patch(f"{PROJECTS}/{project['id']}", json=body)).status_code == 422

    @pytest.mark.parametrize(("role", "status"), [("owner", 200), ("admin", 200), ("member", 200), ("viewer", 403)])
    async def test_who_may_write_may(
        self, new_person: NewPerson, ann: Person, team: dict[str, Any], role: str, status: int
    ) -> None:
        project = await ann.create(PROJECTS, name="Garden", team_id=team["id"])
        person = await joined(new_person, ann, team, role)
        itself = f"{PROJECTS}/{project['id']}"
        for method, path in (("PATCH", ""), ("PUT", ""), ("POST", "/archive"), ("POST", "/unarchive")):
            body = {"name": role} if method in {"PATCH", "PUT"} else None
            assert (await person.http.request(method, itself + path, json=body)).status_code == status


class TestArchive:
    async def test_an_archived_project_offers_to_be_taken_up_again(self, ann: Person) -> None:
        project = await ann.create(PROJECTS, name="Garden")
        itself = f"{PROJECTS}/{project['id']}"
        archived = await ann.http.post(f"{itself}/archive")
        assert (archived.status_code, archived.json()["status"], archived.headers["ETag"]) == (
            200,
            "archived",
            '"2-owner"',
        )
        assert "unarchive" in archived.json()["links"]
        assert "archive" not in archived.json()["links"]
        assert (await ann.http.post(f"{itself}/archive")).json() == archived.json()
        assert (await ann.http.post(f"{itself}/unarchive")).json()["status"] == "active"


class TestTrash:
    async def test_a_project_goes_and_comes_back_with_its_todos(self, ann: Person) -> None:
        project = await ann.create(PROJECTS, name="Garden")
        todo = await ann.create(TODOS, title="x", project_id=project["id"])
        itself = f"{PROJECTS}/{project['id']}"
        response = await ann.http.delete(itself)
        assert (response.status_code, response.content) == (204, b"")
        assert (await ann.http.get(itself)).status_code == 404
        assert (await ann.http.get(f"{TODOS}/{todo['id']}")).status_code == 404
        assert (await ann.http.get(PROJECTS)).json()["items"] == []

        [trashed] = (await ann.http.get(f"{PROJECTS}/trash")).json()["items"]
        assert (trashed["id"], trashed["deleted_at"] < trashed["purge_at"]) == (project["id"], True)
        assert set(trashed["links"]) == {"self", "team", "todos", "restore"}

        restored = await ann.http.post(f"{itself}/restore")
        assert (restored.status_code, restored.json()["deleted_at"]) == (200, None)
        assert restored.headers["ETag"] == '"3-owner"'
        assert (await ann.http.get(f"{TODOS}/{todo['id']}")).json()["project_id"] == project["id"]
        assert (await ann.http.get(f"{PROJECTS}/trash")).json()["items"] == []
        assert (await ann.http.post(f"{itself}/restore")).status_code == 404

    async def test_is_paged_and_belongs_to_those_who_see_the_team(
        self, new_person: NewPerson, ann: Person, bob: Person, team: dict[str, Any]
    ) -> None:
        made = [(await ann.create(PROJECTS, name="x", team_id=team["id"]))["id"] for _ in range(3)]
        for project_id in made:
            await ann.http.delete(f"{PROJECTS}/{project_id}")
        viewer = await joined(new_person, ann, team, "viewer")
        first = (await viewer.http.get(f"{PROJECTS}/trash?limit=2")).json()
        second = (await viewer.http.get(f"{PROJECTS}/trash?limit=2&cursor={first['page']['next_cursor']}")).json()
        assert [project["id"] for project in [*first["items"], *second["items"]]] == made[::-1]
        assert (await viewer.http.post(f"{PROJECTS}/{made[0]}/restore")).status_code == 403
        assert (await bob.http.get(f"{PROJECTS}/trash")).json()["items"] == []
