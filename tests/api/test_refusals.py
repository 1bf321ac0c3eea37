"""Whoever is refused for want of a right is in the audit log, whichever way the refusal is sent."""

from typing import Any

import pytest

from app.database.executor import Database
from app.domain.audit.action import Action
from tests.api.conftest import NewPerson, Person
from tests.api.memberships import joined
from tests.api_key_factories import key_header, make_api_key
from tests.domain.audit.log_read import Kept, by_actor
from tests.factories import make_user

TODOS = "/api/v2/todos"


@pytest.fixture
async def team(ann: Person) -> dict[str, Any]:
    return await ann.create("/api/v2/teams", name="Household")


@pytest.fixture
async def viewer(new_person: NewPerson, ann: Person, team: dict[str, Any]) -> Person:
    return await joined(new_person, ann, team, "viewer")


async def refusals(database: Database, person: Person) -> list[Kept]:
    return await by_actor(database, person.user.id, Action.ACCESS_REFUSED)


class TestRefused:
    async def test_it_says_who_wanted_what_from_where(
        self, viewer: Person, team: dict[str, Any], database: Database
    ) -> None:
        member = await make_user(database)
        path = f"/api/v2/teams/{team['id']}/members"
        response = await viewer.http.post(path, json={"email": member.email})
        assert response.status_code == 403
        (kept,) = await refusals(database, viewer)
        assert (kept.outcome, kept.actor_kind, kept.subject) == ("refused", "user", ("team", team["id"]))
        assert kept.changed == {
            "operation": [None, "POST /api/v2/teams/{team_id}/members"],
            "reason": [None, "ROLE_TOO_LOW"],
        }
        assert (kept.request_id, kept.address) == (response.headers["X-Request-Id"], "127.0.0.1")

    async def test_reading_what_is_for_administrators_counts_too(self, ann: Person, database: Database) -> None:
        assert (await ann.http.get("/api/v2/users")).status_code == 403
        (kept,) = await refusals(database, ann)
        assert kept.changed["reason"] == [None, "ADMINISTRATORS_ONLY"]

    async def test_version_1_tells_it_as_well(self, ann: Person, database: Database) -> None:
        assert (await ann.http.get("/api/v1/users")).status_code == 403
        (kept,) = await refusals(database, ann)
        assert kept.changed["operation"] == [None, "GET /api/v1/users"]

    @pytest.mark.parametrize("segment", ["%00", "a%0Ab", "x" * 6000])
    async def test_what_can_be_no_name_is_not_taken_for_one(
        self, ann: Person, database: Database, segment: str
    ) -> None:
        key = await make_api_key(database, ann.user, ["me:read"])
        ann.http.headers.update(key_header(key))
        assert (await ann.http.delete(f"/api/v2/todos/{segment}")).status_code == 403
        (kept,) = await refusals(database, ann)
        assert kept.subject == (None, None)

    async def test_what_cannot_be_seen_is_not_refused_but_absent(
        self, bob: Person, team: dict[str, Any], database: Database
    ) -> None:
        assert (await bob.http.patch(f"/api/v2/teams/{team['id']}", json={"name": "x"})).status_code == 404
        assert await refusals(database, bob) == []


class TestBatch:
    async def operations(self, ann: Person, team: dict[str, Any]) -> list[dict[str, Any]]:
        todos = [await ann.create(TODOS, title="x", team_id=team["id"]) for _ in range(2)]
        return [{"op": "complete", "id": todo["id"]} for todo in todos]

    async def test_all_or_nothing(self, ann: Person, viewer: Person, team: dict[str, Any], database: Database) -> None:
        operations = await self.operations(ann, team)
        response = await viewer.http.post(f"{TODOS}/batch", json={"operations": operations})
        assert response.status_code == 403
        (kept,) = await refusals(database, viewer)
        assert kept.changed["operation"] == [None, "POST /api/v2/todos/batch"]

    async def test_each_by_itself_is_one_entry(
        self, ann: Person, viewer: Person, team: dict[str, Any], database: Database
    ) -> None:
        operations = await self.operations(ann, team)
        response = await viewer.http.post(f"{TODOS}/batch", json={"operations": operations, "atomic": False})
        assert [result["status"] for result in response.json()["results"]] == [403, 403]
        (kept,) = await refusals(database, viewer)
        assert kept.changed["parts"] == [None, 2]

    async def test_in_version_1(self, ann: Person, viewer: Person, team: dict[str, Any], database: Database) -> None:
        ids = [operation["id"] for operation in await self.operations(ann, team)]
        body = {"operation": "complete", "todo_ids": ids}
        assert (await viewer.http.post("/api/v1/todos/bulk-process", json=body)).json()["failed"] == 2
        assert len(await refusals(database, viewer)) == 1

    async def test_what_is_allowed_leaves_no_refusal(
        self, ann: Person, team: dict[str, Any], database: Database
    ) -> None:
        operations = await self.operations(ann, team)
        assert (await ann.http.post(f"{TODOS}/batch", json={"operations": operations})).status_code == 200
        assert await refusals(database, ann) == []
