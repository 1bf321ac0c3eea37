"""Many changes in one request of version 2."""

import asyncio
from typing import Any
from uuid import uuid4

from tests.api.conftest import Person

TODOS = "/api/v2/todos"


async def titles(person: Person) -> list[str]:
    return [todo["title"] for todo in (await person.http.get(f"{TODOS}?sort=created_at")).json()["items"]]


async def batch(person: Person, *operations: dict[str, Any], atomic: bool) -> Any:
    return await person.http.post(f"{TODOS}/batch", json={"operations": operations, "atomic": atomic})


class TestAtomic:
    async def test_all_operations_take_effect_in_their_order(self, ann: Person) -> None:
        a, b = await ann.create(TODOS, title="a"), await ann.create(TODOS, title="b")
        response = await batch(
            ann,
            {"op": "create", "data": {"title": "c", "tags": ["x"]}},
            {"op": "update", "id": a["id"], "if_match": '"1-owner"', "data": {"title": "A"}},
            {"op": "complete", "id": a["id"]},
            {"op": "delete", "id": b["id"]},
            atomic=True,
        )
        results = response.json()["results"]
        assert response.status_code == 200
        assert [(result["index"], result["status"]) for result in results] == [(0, 201), (1, 200), (2, 200), (3, 204)]
        assert (results[2]["todo"]["title"], results[2]["todo"]["status"]) == ("A", "done")
        assert await titles(ann) == ["A", "c"]

    async def test_one_refusal_undoes_all_and_says_which(self, ann: Person) -> None:
        a = await ann.create(TODOS, title="a")
        response = await batch(
            ann,
            {"op": "create", "data": {"title": "new"}},
            {"op": "delete", "id": a["id"]},
            {"op": "create", "data": {"title": "x", "project_id": str(uuid4())}},
            atomic=True,
        )
        assert response.status_code == 422
        assert [(e["pointer"], e["code"], e["index"]) for e in response.json()["errors"]] == [
            ("#/operations/2/data/project_id", "UNKNOWN_PROJECT", 2)
        ]
        assert await titles(ann) == ["a"]

    async def test_a_stale_tag_undoes_all(self, ann: Person) -> None:
        a = await ann.create(TODOS, title="a")
        response = await batch(
            ann,
            {"op": "create", "data": {"title": "new"}},
            {"op": "complete", "id": a["id"], "if_match": '"7-owner"'},
            atomic=True,
        )
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (412, "#/operations/1")
        assert await titles(ann) == ["a"]

    async def test_opposite_orders_at_once_do_not_deadlock(self, ann: Person) -> None:
        made = [await ann.create(TODOS, title=str(n)) for n in range(10)]
        forward = [{"op": "update", "id": todo["id"], "data": {"description": "f"}} for todo in made]
        backward = [{"op": "update", "id": todo["id"], "data": {"description": "b"}} for todo in reversed(made)]
        answers = await asyncio.gather(*(batch(ann, *each, atomic=True) for each in (forward, backward) * 4))
        assert {answer.status_code for answer in answers} == {200}


class TestEach:
    async def test_each_has_its_own_status_and_refusals_stop_nobody(self, ann: Person, bob: Person) -> None:
        mine, others = await ann.create(TODOS, title="mine"), await bob.create(TODOS, title="others")
        response = await batch(
            ann,
            {"op": "delete", "id": others["id"]},
            {"op": "create", "data": {"title": "new"}},
            {"op": "create", "data": {"title": "bad", "assignee_id": str(uuid4())}},
            {"op": "complete", "id": mine["id"], "if_match": '"9-owner"'},
            {"op": "complete", "id": mine["id"]},
            atomic=False,
        )
        results = response.json()["results"]
        assert response.status_code == 207
        assert [result["status"] for result in results] == [404, 201, 422, 412, 200]
        assert results[2]["problem"]["errors"][0]["pointer"] == "#/assignee_id"
        assert await titles(ann) == ["mine", "new"]
        assert await titles(bob) == ["others"]


class TestLimits:
    async def test_none_and_too_many_are_refused(self, ann: Person) -> None:
        one = {"op": "complete", "id": str(uuid4())}
        for operations in ([], [one] * 101):
            response = await ann.http.post(f"{TODOS}/batch", json={"operations": operations})
            assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "#/operations")

    async def test_faults_point_into_the_operation_and_echo_nothing(self, ann: Person) -> None:
        response = await ann.http.post(
            f"{TODOS}/batch",
            json={
                "operations": [
                    {"op": "create", "data": {"title": "x", "bogus": 1}},
                    {"op": "expl0de"},
                    {"op": "delete"},
                ]
            },
        )
        assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [
            ("#/operations/0/data/bogus", "UNKNOWN_FIELD"),
            ("#/operations/1", "UNION_TAG_INVALID"),
            ("#/operations/2/id", "MISSING"),
        ]
        assert "expl0de" not in response.text
