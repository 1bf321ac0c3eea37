"""Projects in version 1: a numbered list, and the same routes as in version 2 for one at a time."""

from typing import Any
from uuid import uuid4

import pytest

from app.database.executor import Database
from tests.api.conftest import Person
from tests.api.v1.conftest import assert_deprecated, refused, team_with

PROJECTS = "/api/v1/projects"


class TestList:
    async def test_the_pages_show_each_project_once_newest_first(self, ann: Person, bob: Person) -> None:
        team_id = await team_with(ann, bob, "viewer")
        made = [await ann.create(PROJECTS, name=f"p{n}", team_id=team_id if n % 2 else None) for n in range(5)]
        pages = [(await ann.http.get(f"{PROJECTS}?page={number}&page_size=2")).json() for number in (1, 2, 3)]
        assert [project for page in pages for project in page["items"]] == list(reversed(made))
        assert [len(page["items"]) for page in pages] == [2, 2, 1]
        assert (pages[1]["total"], pages[1]["total_pages"], pages[1]["has_next"]) == (5, 3, True)
        assert pages[1]["links"]["next"] == f"{PROJECTS}?page=3&page_size=2"
        assert (await bob.http.get(PROJECTS)).json()["total"] == 2

    async def test_status_and_team_narrow(self, ann: Person, bob: Person) -> None:
        team_id = await team_with(ann, bob, "member")
        await ann.create(PROJECTS, name="mine")
        await ann.create(PROJECTS, name="ours", team_id=team_id)
        await ann.create(PROJECTS, name="old", status="archived")
        for query, expected in (("status=archived", ["old"]), (f"team_id={team_id}", ["ours"])):
            page = (await ann.http.get(f"{PROJECTS}?{query}")).json()
            assert ([project["name"] for project in page["items"]], page["total"]) == (expected, 1)
        assert (await bob.http.get(f"{PROJECTS}?status=archived")).json()["items"] == []

    @pytest.mark.parametrize("query", ["cursor=x", "sort=position", "page=0", "page_size=101", "status=done"])
    async def test_a_parameter_that_cannot_be_used_is_named(self, ann: Person, query: str) -> None:
        error = refused(await ann.http.get(f"{PROJECTS}?{query}"), 422, "VALIDATION_FAILED")
        assert list(error["fields"]) == [query.partition("=")[0]]

    async def test_it_takes_two_statements(self, ann: Person, service_database: Database) -> None:
        with service_database.observed() as statements:
            assert_deprecated(await ann.http.get(PROJECTS))
        assert statements == ["sessions.present", "projects.numbered", "projects.count"]


class TestOne:
    async def test_its_links_stay_in_version_1_where_that_has_what_they_lead_to(self, ann: Person) -> None:
        response = await ann.http.post(PROJECTS, json={"name": "Household"})
        project = response.json()
        itself = f"{PROJECTS}/{project['id']}"
        assert response.status_code == 201
        assert_deprecated(response)
        assert (response.headers["location"], response.headers["etag"]) == (itself, '"1-owner"')
        assert project["links"] == {
            "self": itself,
            "team": f"/api/v2/teams/{project['team_id']}",
            "todos": f"/api/v1/todos?project_id={project['id']}",
            "archive": f"{itself}/archive",
        }
        for link in ("self", "team", "todos"):
            assert (await ann.http.get(project["links"][link])).status_code == 200
        assert (await ann.http.get(itself)).json() == project

    async def test_it_is_changed_archived_deleted_and_restored(self, ann: Person) -> None:
        project = await ann.create(PROJECTS, name="x")
        url = f"{PROJECTS}/{project['id']}"
        todo = await ann.create("/api/v1/todos", title="x", project_id=project["id"])
        assert (await ann.http.patch(url, json={"color": "#1E90FF"})).json()["color"] == "#1e90ff"
        assert (await ann.http.put(url, json={"name": "y"})).json()["color"] == "#808080"
        assert (await ann.http.post(f"{url}/archive")).json()["status"] == "archived"
        assert (await ann.http.post(f"{url}/unarchive")).json()["version"] == 5
        assert (await ann.http.delete(url)).status_code == 204
        refused(await ann.http.get(url), 404, "NOT_FOUND")
        refused(await ann.http.get(f"/api/v1/todos/{todo['id']}"), 404, "NOT_FOUND")
        assert (await ann.http.post(f"{url}/restore")).json()["links"]["self"] == url
        assert (await ann.http.get(f"/api/v1/todos/{todo['id']}")).status_code == 200

    async def test_viewers_cannot_write_and_strangers_see_nothing(
        self, ann: Person, bob: Person, new_person: Any
    ) -> None:
        team_id = await team_with(ann, bob, "viewer")
        project = await ann.create(PROJECTS, name="x", team_id=team_id)
        url, stranger = f"{PROJECTS}/{project['id']}", await new_person()
        assert (await bob.http.get(url)).json()["links"].keys() == {"self", "team", "todos"}
        refused(await bob.http.post(PROJECTS, json={"name": "y", "team_id": team_id}), 403, "ROLE_TOO_LOW")
        refused(await stranger.http.get(url), 404, "NOT_FOUND")
        for person, status, code in ((bob, 403, "ROLE_TOO_LOW"), (stranger, 404, "NOT_FOUND")):
            refused(await person.http.patch(url, json={"name": "y"}), status, code)
            refused(await person.http.put(url, json={"name": "y"}), status, code)
            refused(await person.http.delete(url), status, code)
            refused(await person.http.post(f"{url}/archive"), status, code)

    async def test_refusals_have_the_older_envelope(self, ann: Person) -> None:
        project = await ann.create(PROJECTS, name="x")
        url = f"{PROJECTS}/{project['id']}"
        refused(await ann.http.get(f"{PROJECTS}/{uuid4()}"), 404, "NOT_FOUND")
        stale = {"If-Match": '"9-owner"'}
        refused(await ann.http.patch(url, json={"name": "y"}, headers=stale), 412, "PRECONDITION_FAILED")
        error = refused(await ann.http.post(PROJECTS, json={"name": "", "colour": "red"}), 422, "VALIDATION_FAILED")
        assert set(error["fields"]) == {"name", "colour"}
