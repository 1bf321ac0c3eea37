"""The audit log, in version 2: all of it for administrators, and to everybody their own part."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.database.executor import Database
from app.domain.audit.action import Action
from tests.api.conftest import NewPerson, Person
from tests.domain.audit.log_read import by_actor
from tests.factories import PASSWORD

AUDIT = "/api/v2/audit"
ACTIVITY = "/api/v2/me/activity"
LOGIN = "/api/v2/auth/login"


@pytest.fixture
async def admin(new_person: NewPerson) -> Person:
    return await new_person(roles=("admin",))


async def entries(person: Person, path: str = AUDIT, **query: Any) -> list[dict[str, Any]]:
    """The items of one page."""
    response = await person.http.get(path, params=query)
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items


async def walked(person: Person, path: str, **query: Any) -> list[dict[str, Any]]:
    """The items of all pages, a few at a time, and back again."""
    there: list[dict[str, Any]] = []
    response = await person.http.get(path, params={"limit": 2, **query})
    pages = [response.json()]
    while (cursor := pages[-1]["page"]["next_cursor"]) is not None:
        response = await person.http.get(path, params={"limit": 2, **query, "cursor": cursor})
        pages.append(response.json())
    there = [item for page in pages for item in page["items"]]
    back = [pages[-1]]
    while (cursor := back[-1]["page"]["prev_cursor"]) is not None:
        response = await person.http.get(path, params={"limit": 2, **query, "cursor": cursor})
        back.append(response.json())
    assert [item["id"] for page in reversed(back) for item in page["items"]] == [item["id"] for item in there]
    return there


async def fail_to_log_in(client: httpx.AsyncClient, person: Person) -> None:
    response = await client.post(LOGIN, json={"email": person.user.email, "password": "wrong"})
    assert response.status_code == 401


class TestList:
    async def test_it_shows_who_did_what_to_whom_from_where(self, admin: Person, ann: Person) -> None:
        response = await admin.http.patch(f"/api/v2/users/{ann.user.id}", json={"is_active": False})
        (entry,) = await entries(
            admin, subject_kind="user", subject_id=str(ann.user.id), action="account.access_changed"
        )
        assert entry == {
            "id": entry["id"],
            "at": entry["at"],
            "actor": {"kind": "user", "id": str(admin.user.id), "api_key_id": None},
            "action": "account.access_changed",
            "outcome": "done",
            "subject": {"kind": "user", "id": str(ann.user.id)},
            "team_id": None,
            "request_id": response.headers["X-Request-Id"],
            "address": "127.0.0.1",
            "changed": {"is_active": {"before": True, "after": False}},
        }

    async def test_each_filter_lets_through_what_it_says(
        self, admin: Person, ann: Person, bob: Person, client: httpx.AsyncClient
    ) -> None:
        team = await ann.create("/api/v2/teams", name="Choir")
        added = await ann.http.post(f"/api/v2/teams/{team['id']}/members", json={"email": bob.user.email})
        await fail_to_log_in(client, bob)
        ann_id, bob_id = str(ann.user.id), str(bob.user.id)

        async def seen(**query: Any) -> list[str]:
            return [entry["action"] for entry in await entries(admin, **query)]

        assert await seen(team_id=team["id"]) == ["member.added", "team.created"]
        assert await seen(actor_id=ann_id) == ["member.added", "team.created", "session.opened", "account.registered"]
        assert await seen(actor_id=ann_id, action="team.created") == ["team.created"]
        about_bob = ["session.opened", "member.added", "session.opened", "account.registered"]
        assert await seen(subject_kind="user", subject_id=bob_id) == about_bob
        assert await seen(subject_kind="user", subject_id=bob_id, outcome="refused") == ["session.opened"]
        assert await seen(subject_kind="user", subject_id=bob_id, outcome="done") == about_bob[1:]
        assert await seen(request_id=added.headers["X-Request-Id"]) == ["member.added"]
        assert await seen(subject_kind="todo", subject_id=bob_id) == []

    async def test_since_is_in_and_until_is_out(self, admin: Person, ann: Person) -> None:
        for name in ("a", "b", "c"):
            await ann.create("/api/v2/teams", name=name)
        of_ann = {"actor_id": str(ann.user.id), "action": "team.created"}
        last, middle, first = await entries(admin, **of_ann)
        assert await entries(admin, **of_ann, since=middle["at"]) == [last, middle]
        assert await entries(admin, **of_ann, until=middle["at"]) == [first]

    async def test_pages_show_everything_once_in_both_directions(self, admin: Person, ann: Person) -> None:
        for name in ("a", "b", "c", "d", "e"):
            await ann.create("/api/v2/teams", name=name)
        found = await walked(admin, AUDIT, actor_id=str(ann.user.id), action="team.created")
        assert [entry["changed"]["name"]["after"] for entry in found] == ["e", "d", "c", "b", "a"]

    async def test_that_it_was_read_is_an_entry_itself(self, admin: Person, database: Database) -> None:
        team_id = str(uuid4())
        response = await admin.http.get(AUDIT, params={"team_id": team_id, "limit": 1})
        (told,) = await by_actor(database, admin.user.id, Action.AUDIT_READ)
        assert told.changed == {"team_id": [None, team_id]}
        assert told.request_id == response.headers["X-Request-Id"]

    async def test_it_is_for_administrators_and_a_refusal_is_told(self, ann: Person, database: Database) -> None:
        response = await ann.http.get(AUDIT)
        assert (response.status_code, response.json()["code"]) == (403, "ADMINISTRATORS_ONLY")
        assert len(await by_actor(database, ann.user.id, Action.ACCESS_REFUSED)) == 1
        assert await by_actor(database, ann.user.id, Action.AUDIT_READ) == []

    @pytest.mark.parametrize(
        "query",
        [
            {"actor_id": "x"},
            {"action": "session.exploded"},
            {"outcome": "perhaps"},
            {"since": "yesterday"},
            {"request_id": "'; --"},
            {"limit": "101"},
            {"sort": "at"},
        ],
    )
    async def test_what_is_no_filter_is_named(self, query: dict[str, str], admin: Person) -> None:
        response = await admin.http.get(AUDIT, params=query)
        assert response.status_code == 422
        assert [error["parameter"] for error in response.json()["errors"]] == list(query)

    async def test_an_id_needs_its_kind_because_no_index_begins_with_it(self, admin: Person) -> None:
        response = await admin.http.get(AUDIT, params={"subject_id": str(admin.user.id)})
        (error,) = response.json()["errors"]
        assert (response.status_code, error["parameter"], error["code"]) == (422, "subject_kind", "SUBJECT_KIND_NEEDED")

    async def test_a_cursor_of_another_filter_is_refused(self, admin: Person, ann: Person) -> None:
        for name in ("a", "b"):
            await ann.create("/api/v2/teams", name=name)
        page = (await admin.http.get(AUDIT, params={"actor_id": str(ann.user.id), "limit": 1})).json()["page"]
        response = await admin.http.get(AUDIT, params={"limit": 1, "cursor": page["next_cursor"]})
        assert (response.status_code, response.json()["code"]) == (400, "CURSOR_MISMATCH")


class TestActivity:
    async def test_it_shows_what_one_did_and_what_was_done_to_one(
        self, ann: Person, bob: Person, client: httpx.AsyncClient
    ) -> None:
        team = await ann.create("/api/v2/teams", name="Choir")
        await ann.create(f"/api/v2/teams/{team['id']}/members", email=bob.user.email)
        await fail_to_log_in(client, bob)
        await client.post(LOGIN, json={"email": bob.user.email, "password": PASSWORD})
        seen = [(entry["action"], entry["outcome"], entry["is_yours"]) for entry in await entries(bob, ACTIVITY)]
        assert seen == [
            ("session.opened", "done", True),
            ("session.opened", "refused", False),
            ("member.added", "done", False),
            ("session.opened", "done", True),
            ("account.registered", "done", True),
        ]

    async def test_of_others_it_shows_neither_who_nor_where(self, admin: Person, ann: Person) -> None:
        await admin.http.patch(f"/api/v2/users/{ann.user.id}", json={"roles": ["admin"]})
        (entry, *_) = await entries(ann, ACTIVITY)
        assert entry["changed"] == {"roles": {"before": [], "after": ["admin"]}}
        assert (entry["actor_kind"], entry["is_yours"], entry["address"], entry["request_id"]) == (
            "user",
            False,
            None,
            None,
        )
        assert str(admin.user.id) not in str(entry)

    async def test_ones_own_address_is_shown(self, ann: Person) -> None:
        await ann.create("/api/v2/teams", name="Choir")
        (entry, *_) = await entries(ann, ACTIVITY)
        assert (entry["action"], entry["address"]) == ("team.created", "127.0.0.1")

    async def test_nothing_of_others_is_in_it(self, ann: Person, bob: Person) -> None:
        team = await ann.create("/api/v2/teams", name="Choir")
        await ann.create(f"/api/v2/teams/{team['id']}/members", email=bob.user.email, role="admin")
        await ann.http.patch(f"/api/v2/teams/{team['id']}", json={"name": "Band"})
        assert "team.changed" not in {entry["action"] for entry in await entries(bob, ACTIVITY)}

    async def test_pages_show_everything_once_in_both_directions(
        self, ann: Person, bob: Person, client: httpx.AsyncClient
    ) -> None:
        """What one did and what was done to one, mixed."""
        for name in ("a", "b"):
            team = await ann.create("/api/v2/teams", name=name)
            await ann.create(f"/api/v2/teams/{team['id']}/members", email=bob.user.email)
            await bob.http.delete(f"/api/v2/teams/{team['id']}/members/{bob.user.id}")
        found = [entry["action"] for entry in await walked(bob, ACTIVITY)]
        assert found == [*["member.removed", "member.added"] * 2, "session.opened", "account.registered"]

    async def test_looking_at_it_leaves_nothing(self, ann: Person) -> None:
        before = await entries(ann, ACTIVITY)
        assert await entries(ann, ACTIVITY) == before
