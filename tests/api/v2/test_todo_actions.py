"""What can be done to one todo in version 2 besides changing its fields."""

import pytest

from tests.api.conftest import Person
from tests.api.v2.todos_made import TODOS


class TestStatus:
    async def test_complete_notes_when_and_a_done_todo_stays_done(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x")
        done = (await ann.http.post(f"{TODOS}/{todo['id']}/complete")).json()
        again = (await ann.http.post(f"{TODOS}/{todo['id']}/complete")).json()
        assert (done["status"], done["version"]) == ("done", 2)
        assert done["completed_at"] is not None
        assert again == done
        assert "complete" not in done["links"]

    async def test_reopen_clears_when(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x", status="done")
        opened = (await ann.http.post(f"{TODOS}/{todo['id']}/reopen")).json()
        assert (opened["status"], opened["completed_at"], opened["version"]) == ("open", None, 2)
        assert (await ann.http.post(f"{TODOS}/{todo['id']}/reopen")).json()["version"] == 2

    @pytest.mark.parametrize("start", ["open", "in_progress", "blocked", "done", "cancelled"])
    @pytest.mark.parametrize("target", ["open", "in_progress", "blocked", "done", "cancelled"])
    async def test_finished_todos_go_back_to_open_only(self, ann: Person, start: str, target: str) -> None:
        todo = await ann.create(TODOS, title="x", status=start)
        response = await ann.http.patch(f"{TODOS}/{todo['id']}", json={"status": target})
        allowed = start == target or start not in {"done", "cancelled"} or target == "open"
        assert response.status_code == (200 if allowed else 409)
        if allowed:
            assert (response.json()["completed_at"] is not None) == (target == "done")

    async def test_a_cancelled_todo_is_not_completed(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x", status="cancelled")
        response = await ann.http.post(f"{TODOS}/{todo['id']}/complete")
        assert (response.status_code, response.json()["code"]) == (409, "ILLEGAL_TRANSITION")


class TestDuplicate:
    async def test_the_copy_is_open_and_new(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x", status="done", priority="high", tags=["a"], external_id="e")
        response = await ann.http.post(f"{TODOS}/{todo['id']}/duplicate")
        copy = response.json()
        assert (response.status_code, copy["status"], copy["external_id"], copy["version"]) == (201, "open", None, 1)
        assert (copy["title"], copy["priority"], copy["tags"]) == ("x", "high", ["a"])
        assert copy["id"] != todo["id"]


class TestTrash:
    async def test_a_deleted_todo_can_be_restored_with_its_subtasks(self, ann: Person) -> None:
        parent = await ann.create(TODOS, title="parent")
        child = await ann.create(TODOS, title="child", parent_id=parent["id"])
        earlier = await ann.create(TODOS, title="earlier", parent_id=parent["id"])
        await ann.http.delete(f"{TODOS}/{earlier['id']}")
        assert (await ann.http.delete(f"{TODOS}/{parent['id']}")).status_code == 204
        for gone in (parent, child):
            assert (await ann.http.get(f"{TODOS}/{gone['id']}")).status_code == 404
        trash = (await ann.http.get(f"{TODOS}/trash")).json()["items"]
        assert {todo["title"] for todo in trash} == {"parent", "child", "earlier"}
        assert all(todo["purge_at"] > todo["deleted_at"] for todo in trash)
        restored = await ann.http.post(f"{TODOS}/{parent['id']}/restore")
        assert (restored.status_code, restored.json()["deleted_at"], restored.json()["version"]) == (200, None, 3)
        assert (await ann.http.get(f"{TODOS}/{child['id']}")).json()["parent_id"] == parent["id"]
        assert (await ann.http.get(f"{TODOS}/{earlier['id']}")).status_code == 404

    async def test_what_is_not_in_the_trash_cannot_be_restored(self, ann: Person, bob: Person) -> None:
        todo = await ann.create(TODOS, title="x")
        assert (await ann.http.post(f"{TODOS}/{todo['id']}/restore")).status_code == 404
        await ann.http.delete(f"{TODOS}/{todo['id']}")
        assert (await bob.http.post(f"{TODOS}/{todo['id']}/restore")).status_code == 404

    async def test_a_stale_if_match_deletes_nothing(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x")
        assert (await ann.http.delete(f"{TODOS}/{todo['id']}", headers={"If-Match": '"9-owner"'})).status_code == 412
        assert (await ann.http.get(f"{TODOS}/{todo['id']}")).status_code == 200
