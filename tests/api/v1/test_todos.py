"""One todo at a time in version 1, as its callers see it."""

from typing import Any
from uuid import uuid4

import pytest

from app.database.executor import Database
from tests.api.conftest import UNKEPT, Person
from tests.api.v1.conftest import assert_deprecated, refused, team_with

TODOS = "/api/v1/todos"
MEMBERS = [
    "id",
    "team_id",
    "project_id",
    "title",
    "description",
    "completed",
    "priority",
    "due_date",
    "tags",
    "version",
    "created_at",
    "updated_at",
    "completed_at",
]


def whole(**changed: Any) -> dict[str, Any]:
    """A body for PUT."""
    return {
        "title": "Buy milk",
        "description": "",
        "completed": False,
        "priority": "none",
        "due_date": None,
        "project_id": None,
        "tags": [],
        **changed,
    }


class TestCreate:
    async def test_a_title_is_enough(self, ann: Person) -> None:
        response = await ann.http.post(TODOS, json={"title": "  Buy milk  "})
        todo = response.json()
        assert response.status_code == 201
        assert list(todo) == MEMBERS
        assert response.headers["location"] == f"{TODOS}/{todo['id']}"
        assert response.headers["etag"] == '"1-owner"'
        assert (todo["title"], todo["completed"], todo["completed_at"]) == ("Buy milk", False, None)
        assert (todo["priority"], todo["tags"], todo["version"]) == ("none", [], 1)
        assert_deprecated(response)

    async def test_every_member_is_stored(self, ann: Person) -> None:
        project = await ann.create("/api/v1/projects", name="Household")
        body = whole(
            description="2 litres\n<3 & more",
            completed=True,
            priority="urgent",
            due_date="2026-12-01",
            project_id=project["id"],
            tags=["Home"],
        )
        todo = await ann.create(TODOS, **body)
        read = (await ann.http.get(f"{TODOS}/{todo['id']}")).json()
        assert todo == read
        assert {name: read[name] for name in body} == body
        assert read["completed_at"] is not None

    async def test_a_todo_goes_to_the_team_of_its_project(self, ann: Person, bob: Person) -> None:
        team_id = await team_with(ann, bob, "member")
        project = await ann.create("/api/v1/projects", name="Shared", team_id=team_id)
        todo = await bob.create(TODOS, title="x", project_id=project["id"])
        assert todo["team_id"] == team_id

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "title"),
            ({"title": " "}, "title"),
            ({"title": "x" * 201}, "title"),
            ({"title": "x", "completed": "yes"}, "completed"),
            ({"title": "x", "completed": None}, "completed"),
            ({"title": "x", "priority": "highest"}, "priority"),
            ({"title": "x", "due_date": "2026-02-30"}, "due_date"),
            ({"title": "x", "tags": ["a", "b,c"]}, "tags.1"),
            ({"title": "x", "project_id": str(uuid4())}, "project_id"),
            ({"title": "x", "status": "done"}, "status"),
            ({"title": "x", "id": str(uuid4())}, "id"),
        ],
    )
    async def test_a_fault_names_the_field(self, ann: Person, body: dict[str, Any], field: str) -> None:
        error = refused(await ann.http.post(TODOS, json=body), 422, "VALIDATION_FAILED")
        assert list(error["fields"]) == [field]

    async def test_what_is_not_json_is_400(self, ann: Person) -> None:
        headers = {"Content-Type": "application/json"}
        refused(await ann.http.post(TODOS, content=b'{"title": NaN}', headers=headers), 400, "MALFORMED_JSON")

    async def test_another_media_type_is_415(self, ann: Person) -> None:
        response = await ann.http.post(TODOS, content=b"title=x", headers={"Content-Type": "text/plain"})
        refused(response, 415, "UNSUPPORTED_MEDIA_TYPE")
        assert response.headers["accept-post"] == "application/json"

    async def test_viewers_cannot_write(self, ann: Person, bob: Person) -> None:
        project = await ann.create("/api/v1/projects", name="x", team_id=await team_with(ann, bob, "viewer"))
        response = await bob.http.post(TODOS, json={"title": "x", "project_id": project["id"]})
        refused(response, 403, "ROLE_TOO_LOW")


class TestGet:
    async def test_what_others_own_looks_like_what_does_not_exist(self, ann: Person, bob: Person) -> None:
        todo = await ann.create(TODOS, title="mine")
        hidden = refused(await bob.http.get(f"{TODOS}/{todo['id']}"), 404, "NOT_FOUND")
        nothing = uuid4()
        absent = refused(await bob.http.get(f"{TODOS}/{nothing}"), 404, "NOT_FOUND")
        assert hidden["message"].replace(todo["id"], "") == absent["message"].replace(str(nothing), "")

    async def test_viewers_may_look(self, ann: Person, bob: Person) -> None:
        project = await ann.create("/api/v1/projects", name="x", team_id=await team_with(ann, bob, "viewer"))
        todo = await ann.create(TODOS, title="x", project_id=project["id"])
        response = await bob.http.get(f"{TODOS}/{todo['id']}")
        assert (response.json(), response.headers["etag"]) == (todo, '"1-viewer"')

    async def test_if_none_match_answers_304(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x")
        response = await ann.http.get(f"{TODOS}/{todo['id']}", headers={"If-None-Match": '"1-owner"'})
        assert (response.status_code, response.content) == (304, b"")
        assert_deprecated(response)

    async def test_head_answers_without_a_body(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x")
        response = await ann.http.head(f"{TODOS}/{todo['id']}")
        assert (response.status_code, response.content, response.headers["etag"]) == (200, b"", '"1-owner"')

    async def test_an_id_that_is_none_is_422(self, ann: Person) -> None:
        error = refused(await ann.http.get(f"{TODOS}/17"), 422, "VALIDATION_FAILED")
        assert list(error["fields"]) == ["todo_id"]

    async def test_an_unknown_parameter_is_422(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x")
        error = refused(await ann.http.get(f"{TODOS}/{todo['id']}?expand=project"), 422, "VALIDATION_FAILED")
        assert list(error["fields"]) == ["expand"]

    async def test_it_takes_one_statement(self, ann: Person, service_database: Database) -> None:
        todo = await ann.create(TODOS, title="x")
        with service_database.observed() as statements:
            await ann.http.get(f"{TODOS}/{todo['id']}", headers=UNKEPT)
        assert [name for name in statements if name.startswith("todos.")] == ["todos.get"]


class TestPatch:
    async def test_what_is_left_out_stays(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x", description="d", priority="high", due_date="2026-12-01", tags=["a"])
        response = await ann.http.patch(f"{TODOS}/{todo['id']}", json={"title": "y"})
        assert response.status_code == 200
        changed = response.json()
        assert {**changed, "updated_at": todo["updated_at"]} == {**todo, "title": "y", "version": 2}
        assert response.headers["etag"] == '"2-owner"'

    async def test_null_clears(self, ann: Person) -> None:
        project = await ann.create("/api/v1/projects", name="x")
        todo = await ann.create(TODOS, title="x", due_date="2026-12-01", project_id=project["id"])
        cleared = await ann.http.patch(f"{TODOS}/{todo['id']}", json={"due_date": None, "project_id": None})
        assert (cleared.json()["due_date"], cleared.json()["project_id"]) == (None, None)

    async def test_what_changes_nothing_leaves_the_version(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x", tags=["a"])
        for body in ({}, {"title": "x", "completed": False, "tags": ["A"]}):
            assert (await ann.http.patch(f"{TODOS}/{todo['id']}", json=body)).json() == todo

    async def test_completed_is_set_once_and_taken_back(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x")
        done = (await ann.http.patch(f"{TODOS}/{todo['id']}", json={"completed": True})).json()
        assert (done["completed"], done["version"]) == (True, 2)
        assert done["completed_at"] is not None
        assert (await ann.http.patch(f"{TODOS}/{todo['id']}", json={"completed": True})).json() == done
        reopened = (await ann.http.patch(f"{TODOS}/{todo['id']}", json={"completed": False})).json()
        assert (reopened["completed"], reopened["completed_at"], reopened["version"]) == (False, None, 3)

    async def test_a_stale_if_match_changes_nothing(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x")
        url = f"{TODOS}/{todo['id']}"
        stale = {"If-Match": '"1-owner"'}
        assert (await ann.http.patch(url, json={"title": "y"}, headers=stale)).status_code == 200
        refused(await ann.http.patch(url, json={"title": "z"}, headers=stale), 412, "PRECONDITION_FAILED")
        assert (await ann.http.get(url)).json()["title"] == "y"

    @pytest.mark.parametrize("name", ["title", "description", "completed", "priority", "tags"])
    async def test_what_always_has_a_value_cannot_be_cleared(self, ann: Person, name: str) -> None:
        todo = await ann.create(TODOS, title="x")
        error = refused(await ann.http.patch(f"{TODOS}/{todo['id']}", json={name: None}), 422, "VALIDATION_FAILED")
        assert list(error["fields"]) == [name]

    async def test_viewers_cannot_write_and_strangers_see_nothing(
        self, ann: Person, bob: Person, new_person: Any
    ) -> None:
        project = await ann.create("/api/v1/projects", name="x", team_id=await team_with(ann, bob, "viewer"))
        todo = await ann.create(TODOS, title="x", project_id=project["id"])
        url, stranger = f"{TODOS}/{todo['id']}", await new_person()
        for person, status, code in ((bob, 403, "ROLE_TOO_LOW"), (stranger, 404, "NOT_FOUND")):
            refused(await person.http.patch(url, json={"title": "y"}), status, code)
            refused(await person.http.put(url, json=whole()), status, code)
            refused(await person.http.delete(url), status, code)
        assert (await ann.http.get(url)).json() == todo


class TestPut:
    async def test_it_sets_every_member(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x", description="d", priority="high", due_date="2026-12-01", tags=["a"])
        replaced = await ann.http.put(f"{TODOS}/{todo['id']}", json=whole(title="y", completed=True))
        assert replaced.status_code == 200
        assert {name: replaced.json()[name] for name in whole()} == whole(title="y", completed=True)
        assert (replaced.json()["version"], replaced.headers["etag"]) == (2, '"2-owner"')

    @pytest.mark.parametrize("name", list(whole()))
    async def test_a_body_without_a_member_wipes_nothing(self, ann: Person, name: str) -> None:
        todo = await ann.create(TODOS, title="x", due_date="2026-12-01", tags=["a"])
        body = whole()
        del body[name]
        error = refused(await ann.http.put(f"{TODOS}/{todo['id']}", json=body), 422, "VALIDATION_FAILED")
        assert list(error["fields"]) == [name]
        assert (await ann.http.get(f"{TODOS}/{todo['id']}")).json() == todo

    async def test_what_get_shows_can_be_put_back(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x", completed=True, tags=["a"])
        same = {name: todo[name] for name in whole()}
        assert (await ann.http.put(f"{TODOS}/{todo['id']}", json=same)).json() == todo


class TestDelete:
    async def test_it_is_gone(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x")
        url = f"{TODOS}/{todo['id']}"
        response = await ann.http.delete(url)
        assert (response.status_code, response.content) == (204, b"")
        assert_deprecated(response)
        refused(await ann.http.get(url), 404, "NOT_FOUND")
        refused(await ann.http.delete(url), 404, "NOT_FOUND")
        assert (await ann.http.get(TODOS)).json()["total"] == 0

    async def test_a_stale_if_match_keeps_it(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x")
        url = f"{TODOS}/{todo['id']}"
        refused(await ann.http.delete(url, headers={"If-Match": '"7-owner"'}), 412, "PRECONDITION_FAILED")
        refused(await ann.http.delete(url, headers={"If-Match": "7"}), 400, "MALFORMED_HEADER")
        assert (await ann.http.get(url)).status_code == 200

    async def test_a_condition_that_is_not_looked_at_keeps_it(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x")
        url = f"{TODOS}/{todo['id']}"
        refused(await ann.http.delete(url, headers={"If-None-Match": "*"}), 400, "UNSUPPORTED_CONDITION")
        assert (await ann.http.get(url)).status_code == 200
