"""One change to many todos in version 1."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.conftest import Person
from tests.api.v1.conftest import assert_deprecated, refused, team_with

TODOS = "/api/v1/todos"
BULK = f"{TODOS}/bulk-process"


async def make(person: Person, *titles: str, **values: Any) -> list[str]:
    return [(await person.create(TODOS, title=title, **values))["id"] for title in titles]


async def process(person: Person, operation: str, ids: list[str], **more: Any) -> httpx.Response:
    return await person.http.post(BULK, json={"operation": operation, "todo_ids": ids, **more})


async def read(person: Person, todo_id: str) -> dict[str, Any]:
    todo: dict[str, Any] = (await person.http.get(f"{TODOS}/{todo_id}")).json()
    return todo


class TestBulkProcess:
    async def test_each_todo_is_completed_and_accounted_for(self, ann: Person) -> None:
        ids = await make(ann, "a", "b")
        response = await process(ann, "complete", ids)
        assert response.status_code == 200
        assert_deprecated(response)
        assert response.json() == {
            "processed": 2,
            "succeeded": 2,
            "failed": 0,
            "results": [{"todo_id": ids[0], "ok": True}, {"todo_id": ids[1], "ok": True}],
        }
        assert [(await read(ann, each))["completed"] for each in ids] == [True, True]

    async def test_a_refusal_does_not_stop_the_others(self, ann: Person, bob: Person) -> None:
        mine, theirs, absent = await make(ann, "mine"), await make(bob, "theirs"), str(uuid4())
        results = (await process(ann, "delete", [absent, *theirs, *mine])).json()
        assert (results["processed"], results["succeeded"], results["failed"]) == (3, 1, 2)
        assert [result["todo_id"] for result in results["results"]] == [absent, *theirs, *mine]
        for result in results["results"][:2]:
            assert result["error"] == {"code": "NOT_FOUND", "message": f"There is no todo {result['todo_id']}."}
        assert results["results"][2] == {"todo_id": mine[0], "ok": True}
        assert (await read(bob, theirs[0]))["title"] == "theirs"

    async def test_reopen_takes_back_what_is_done_or_cancelled(self, ann: Person) -> None:
        ids = await make(ann, "done", completed=True)
        ids.append((await ann.create("/api/v2/todos", title="cancelled", status="cancelled"))["id"])
        ids += await make(ann, "open")
        assert (await process(ann, "reopen", ids)).json()["succeeded"] == 3
        statuses = [(await ann.http.get(f"/api/v2/todos/{each}")).json()["status"] for each in ids]
        assert statuses == ["open", "open", "open"]
        assert [(await read(ann, each))["version"] for each in ids] == [2, 2, 1]

    async def test_update_applies_one_merge_patch_to_all(self, ann: Person) -> None:
        ids = await make(ann, "a", "b", due_date="2026-12-01")
        data = {"completed": True, "priority": "high", "due_date": None, "tags": ["x"]}
        assert (await process(ann, "update", ids, data=data)).json()["succeeded"] == 2
        for each, title in zip(ids, ("a", "b"), strict=True):
            todo = await read(ann, each)
            assert {name: todo[name] for name in data} == data
            assert (todo["title"], todo["version"]) == (title, 2)

    async def test_a_fault_that_only_the_todo_shows_names_the_member(self, ann: Person) -> None:
        ids = await make(ann, "a")
        result = (await process(ann, "update", ids, data={"project_id": str(uuid4())})).json()["results"][0]
        assert (result["ok"], result["error"]["code"]) == (False, "VALIDATION_FAILED")
        assert list(result["error"]["fields"]) == ["project_id"]

    async def test_a_cancelled_todo_cannot_be_completed(self, ann: Person) -> None:
        todo = await ann.create("/api/v2/todos", title="x", status="cancelled")
        result = (await process(ann, "complete", [todo["id"]])).json()["results"][0]
        assert result["error"]["code"] == "ILLEGAL_TRANSITION"

    async def test_viewers_change_nothing(self, ann: Person, bob: Person) -> None:
        project = await ann.create("/api/v1/projects", name="x", team_id=await team_with(ann, bob, "viewer"))
        ids = await make(ann, "a", project_id=project["id"])
        for operation, more in (("complete", {}), ("reopen", {}), ("delete", {}), ("update", {"data": {"title": "b"}})):
            result = (await process(bob, operation, ids, **more)).json()["results"][0]
            assert result["error"]["code"] == "ROLE_TOO_LOW"
        assert (await read(ann, ids[0]))["version"] == 1

    async def test_a_hundred_are_processed_at_once(self, ann: Person) -> None:
        ids = [str(uuid4()) for _ in range(99)] + await make(ann, "a")
        results = (await process(ann, "complete", ids)).json()
        assert (results["processed"], results["succeeded"]) == (100, 1)

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "body"),
            ({"operation": "archive", "todo_ids": [str(uuid4())]}, "body"),
            ({"operation": "complete"}, "todo_ids"),
            ({"operation": "complete", "todo_ids": []}, "todo_ids"),
            ({"operation": "complete", "todo_ids": [str(uuid4())] * 2}, "todo_ids"),
            ({"operation": "complete", "todo_ids": [str(uuid4()) for _ in range(101)]}, "todo_ids"),
            ({"operation": "complete", "todo_ids": ["7"]}, "todo_ids.0"),
            ({"operation": "complete", "todo_ids": [str(uuid4())], "data": {}}, "data"),
            ({"operation": "update", "todo_ids": [str(uuid4())]}, "data"),
            ({"operation": "update", "todo_ids": [str(uuid4())], "data": {"title": ""}}, "data.title"),
            ({"operation": "update", "todo_ids": [str(uuid4())], "data": {"status": "done"}}, "data.status"),
        ],
    )
    async def test_a_body_that_cannot_be_used_is_422(self, ann: Person, body: dict[str, Any], field: str) -> None:
        error = refused(await ann.http.post(BULK, json=body), 422, "VALIDATION_FAILED")
        assert list(error["fields"]) == [field]
