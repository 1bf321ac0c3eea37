"""Version 1 and version 2 on the same data: what they share, and what each sees of the other's changes."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.api.dispatch import Endpoint, endpoints
from app.main import create_app
from app.settings import Settings
from tests.api.conftest import NewPerson, Person
from tests.api.v1.conftest import assert_deprecated, refused, team_with

V1, V2 = "/api/v1/todos", "/api/v2/todos"
PUBLIC = {
    "/api/v1/auth/register",
    "/api/v1/auth/email/resend",
    "/api/v1/auth/email/verify",
    "/api/v1/auth/login",
    "/api/v1/auth/mfa/verify",
    "/api/v1/auth/mfa/send",
    "/api/v1/auth/refresh",
    "/api/v1/openapi.json",
}
WRITABLE = ("title", "description", "completed", "priority", "due_date", "project_id", "tags")


@pytest.fixture(scope="module")
def application(settings: Settings) -> FastAPI:
    return create_app(settings)


def of_version(application: FastAPI, root: str) -> Iterator[tuple[str, str, Endpoint]]:
    """Method, path below the root, endpoint."""
    for endpoint in endpoints(application.routes):
        if endpoint.template.startswith(root + "/"):
            for method in endpoint.methods:
                yield method, endpoint.template.removeprefix(root), endpoint


class TestRoutes:
    def test_what_both_versions_have_is_one_route_unless_it_is_replaced(self, application: FastAPI) -> None:
        older = {(method, path): endpoint.route for method, path, endpoint in of_version(application, "/api/v1")}
        newer = {(method, path): endpoint.route for method, path, endpoint in of_version(application, "/api/v2")}
        own = {pair for pair in older.keys() & newer.keys() if older[pair] is not newer[pair]}
        assert own == {
            ("GET", "/openapi.json"),
            ("GET", "/users"),
            ("GET", "/users/{user_id}"),
            ("PATCH", "/users/{user_id}"),
            ("GET", "/projects"),
            ("GET", "/tags"),
            ("GET", "/todos"),
            ("GET", "/todos/stats"),
            ("POST", "/todos"),
            ("GET", "/todos/{todo_id}"),
            ("PUT", "/todos/{todo_id}"),
            ("PATCH", "/todos/{todo_id}"),
            ("DELETE", "/todos/{todo_id}"),
        }

    def test_no_route_is_there_twice(self, application: FastAPI) -> None:
        for root in ("/api/v1", "/api/v2"):
            pairs = [(method, path) for method, path, _ in of_version(application, root)]
            assert len(pairs) == len(set(pairs))

    async def test_without_a_token_each_is_401_unless_it_is_public(
        self, application: FastAPI, client: httpx.AsyncClient
    ) -> None:
        some_id = "0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a"
        for method, _, endpoint in of_version(application, "/api/v1"):
            path = "/".join(some_id if part.startswith("{") else part for part in endpoint.template.split("/"))
            response = await client.request(method, path)
            if endpoint.template in PUBLIC:
                assert response.status_code != 401, path
                assert_deprecated(response)
            else:
                refused(response, 401, "NOT_AUTHENTICATED")
                assert response.headers["www-authenticate"] == 'Bearer realm="todo"'


class TestDeprecation:
    """Every response says it. Successes and the other refusals are asserted where they are made."""

    async def test_an_unknown_path(self, ann: Person) -> None:
        refused(await ann.http.get("/api/v1/nothing"), 404, "NOT_FOUND")
        refused(await ann.http.get(V1 + "/"), 404, "NOT_FOUND")

    async def test_a_method_that_the_path_does_not_offer(self, ann: Person) -> None:
        response = await ann.http.put(V1)
        refused(response, 405, "METHOD_NOT_ALLOWED")
        assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"

    async def test_options(self, ann: Person) -> None:
        response = await ann.http.options(f"{V1}/bulk-process")
        assert (response.status_code, response.headers["allow"]) == (204, "OPTIONS, POST")
        assert_deprecated(response)

    async def test_a_body_that_is_too_large(self, ann: Person) -> None:
        refused(await ann.http.post(V1, json={"title": "x" * 1_100_000}), 413, "BODY_TOO_LARGE")

    async def test_a_media_type_that_is_not_there(self, ann: Person) -> None:
        refused(await ann.http.get(V1, headers={"Accept": "text/csv"}), 406, "NOT_ACCEPTABLE")

    async def test_version_2_has_none(self, ann: Person) -> None:
        for path in (V2, "/api/v2/me", "/api/v2/projects", "/api/v2/tags", "/api/v2/nothing"):
            assert not {"deprecation", "sunset"} & set((await ann.http.get(path)).headers)


class TestTheSameTodo:
    async def test_both_show_the_same_values(self, ann: Person) -> None:
        older = await ann.create(V1, title="x", description="d", completed=True, priority="high", tags=["a"])
        newer = (await ann.http.get(f"{V2}/{older['id']}")).json()
        assert newer["status"] == "done"
        assert {name: newer[name] for name in older if name != "completed"} == {
            name: value for name, value in older.items() if name != "completed"
        }

    async def test_a_round_trip_through_version_1_loses_nothing_of_version_2(self, ann: Person) -> None:
        parent = await ann.create(V2, title="parent")
        made = await ann.create(
            V2,
            title="x",
            status="in_progress",
            assignee_id=str(ann.user.id),
            parent_id=parent["id"],
            position=7.5,
            external_id="jira-1",
            due_date="2026-12-01",
        )
        url = f"{V1}/{made['id']}"
        older = (await ann.http.get(url)).json()
        assert older["completed"] is False
        put = await ann.http.put(url, json={**{name: older[name] for name in WRITABLE}, "title": "y"})
        assert put.status_code == 200
        newer = (await ann.http.get(f"{V2}/{made['id']}")).json()
        assert {**newer, "updated_at": made["updated_at"]} == {**made, "title": "y", "version": 2}

    async def test_an_entity_tag_of_one_holds_in_the_other(self, ann: Person) -> None:
        made = await ann.http.post(V1, json={"title": "x"})
        paths = [f"{V1}/{made.json()['id']}", f"{V2}/{made.json()['id']}"]
        seen = {"If-Match": made.headers["etag"]}
        assert (await ann.http.patch(paths[1], json={"title": "y"}, headers=seen)).status_code == 200
        refused(await ann.http.patch(paths[0], json={"title": "z"}, headers=seen), 412, "PRECONDITION_FAILED")
        tags = [(await ann.http.get(path)).headers["etag"] for path in paths]
        assert tags == ['"2-owner"', '"2-owner"']

    async def test_cancelled_there_is_not_completed_here_until_reopened(self, ann: Person) -> None:
        made = await ann.create(V1, title="x")
        url = f"{V1}/{made['id']}"
        await ann.http.patch(f"{V2}/{made['id']}", json={"status": "cancelled"})
        cancelled = (await ann.http.get(url)).json()
        assert (cancelled["completed"], cancelled["version"]) == (False, 2)
        refused(await ann.http.patch(url, json={"completed": True}), 409, "ILLEGAL_TRANSITION")
        assert (await ann.http.patch(url, json={"completed": False})).json() == cancelled
        reopening = {"operation": "reopen", "todo_ids": [made["id"]]}
        assert (await ann.http.post(f"{V1}/bulk-process", json=reopening)).json()["succeeded"] == 1
        assert (await ann.http.patch(url, json={"completed": True})).json()["version"] == 4
        assert (await ann.http.get(f"{V2}/{made['id']}")).json()["status"] == "done"

    async def test_deleted_here_it_is_restored_there(self, ann: Person) -> None:
        parent = await ann.create(V1, title="parent", completed=True)
        child = await ann.create(V2, title="child", parent_id=parent["id"])
        await ann.http.delete(f"{V1}/{parent['id']}")
        refused(await ann.http.get(f"{V1}/{child['id']}"), 404, "NOT_FOUND")
        refused(await ann.http.patch(f"{V1}/{parent['id']}", json={"title": "y"}), 404, "NOT_FOUND")
        trash = (await ann.http.get(f"{V2}/trash")).json()["items"]
        assert {todo["id"] for todo in trash} == {parent["id"], child["id"]}
        assert (await ann.http.post(f"{V2}/{parent['id']}/restore")).status_code == 200
        back = (await ann.http.get(V1)).json()
        assert {todo["title"]: todo["completed"] for todo in back["items"]} == {"parent": True, "child": False}

    async def test_pages_and_cursors_show_the_same_list(self, ann: Person, bob: Person) -> None:
        project = await ann.create("/api/v2/projects", name="x", team_id=await team_with(bob, ann, "member"))
        for n in range(9):
            owner = {"project_id": project["id"]} if n % 3 else {}
            await ann.create(V1, title=f"todo {n}", completed=n % 2 == 0, **owner)
        newer = (await ann.http.get(f"{V2}?status=done")).json()["items"]
        older: list[dict[str, Any]] = []
        for number in (1, 2, 3):
            older += (await ann.http.get(f"{V1}?completed=true&page_size=2&page={number}")).json()["items"]
        assert [todo["id"] for todo in older] == [todo["id"] for todo in newer]
        counted = [(await ann.http.get(f"{root}/stats")).json() for root in (V1, V2)]
        assert (counted[0]["total"], counted[0]["completed"]) == (counted[1]["total"], counted[1]["done"]) == (9, 5)


class TestRoles:
    async def test_a_change_of_role_there_holds_here_at_once(self, ann: Person, new_person: NewPerson) -> None:
        bob = await new_person(name="Bob")
        team_id = await team_with(ann, bob, "viewer")
        project = await ann.create("/api/v1/projects", name="x", team_id=team_id)
        todo = await ann.create(V1, title="x", project_id=project["id"])
        url, membership = f"{V1}/{todo['id']}", f"/api/v2/teams/{team_id}/members/{bob.user.id}"
        refused(await bob.http.patch(url, json={"title": "y"}), 403, "ROLE_TOO_LOW")
        await ann.http.patch(membership, json={"role": "member"})
        assert (await bob.http.patch(url, json={"title": "y"})).json()["version"] == 2
        await ann.http.delete(membership)
        refused(await bob.http.get(url), 404, "NOT_FOUND")
        assert (await bob.http.get(V1)).json()["total"] == 0
