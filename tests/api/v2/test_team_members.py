"""Who belongs to a team, in version 2."""

from typing import Any
from uuid import uuid4

import pytest

from app.database.executor import Database
from app.settings import Settings
from tests.api.conftest import NewPerson, Person
from tests.api.limited import limited_service
from tests.api.memberships import joined
from tests.factories import make_user

TEAMS = "/api/v2/teams"


@pytest.fixture
async def team(ann: Person) -> dict[str, Any]:
    return await ann.create(TEAMS, name="Household")


@pytest.fixture
def members(team: dict[str, Any]) -> str:
    return f"{TEAMS}/{team['id']}/members"


class TestAdd:
    async def test_answers_the_whole_membership_with_its_place(self, ann: Person, bob: Person, members: str) -> None:
        response = await ann.http.post(members, json={"email": bob.user.email.upper()})
        member = response.json()
        itself = f"{members}/{bob.user.id}"
        assert (response.status_code, response.headers["Location"]) == (201, itself)
        assert (member["user_id"], member["name"], member["email"]) == (str(bob.user.id), "Bob", bob.user.email)
        assert member["role"] == "member"
        assert member["links"] == {
            "self": itself,
            "team": members.removesuffix("/members"),
            "assigned": f"/api/v2/todos?team_id={members.split('/')[4]}&assignee_id={bob.user.id}",
        }
        assert (await bob.http.get(itself)).json() == member

    async def test_nobody_joins_twice(self, ann: Person, bob: Person, members: str) -> None:
        await ann.create(members, email=bob.user.email)
        response = await ann.http.post(members, json={"email": bob.user.email, "role": "viewer"})
        assert (response.status_code, response.json()["code"]) == (409, "ALREADY_MEMBER")

    async def test_an_unknown_address_is_named(self, ann: Person, members: str) -> None:
        response = await ann.http.post(members, json={"email": "nobody@example.com"})
        assert response.status_code == 422
        assert [(e["pointer"], e["code"]) for e in response.json()["errors"]] == [("#/email", "UNKNOWN_ACCOUNT")]

    async def test_addresses_cannot_be_tried_by_the_hundred(self, settings: Settings, database: Database) -> None:
        """Each answer tells whether somebody has an account. Known ones, unknown ones and other teams count alike."""
        async with limited_service(settings, database, factor="0.05") as service:
            http = await service.somebody()
            teams = [(await http.post(TEAMS, json={"name": "Ours"})).json()["id"] for _ in range(2)]
            known = (await make_user(database)).email
            tried = [
                await http.post(f"{TEAMS}/{teams[place % 2]}/members", json={"email": email})
                for place, email in enumerate([known, known, *[f"{uuid4().hex}@example.com" for _ in range(4)]])
            ]
            assert [answer.status_code for answer in tried] == [201, 201, 422, 422, 422, 429]
            assert "'add_team_member'" in tried[-1].json()["detail"]
            assert int(tried[-1].headers["retry-after"]) > 600
            # What is tried is limited, not the rest of the work.
            assert (await http.post(TEAMS, json={"name": "Another"})).status_code == 201

    async def test_a_personal_team_takes_nobody(self, ann: Person, bob: Person) -> None:
        [personal] = [team for team in (await ann.http.get(TEAMS)).json()["items"] if team["is_personal"]]
        response = await ann.http.post(f"{TEAMS}/{personal['id']}/members", json={"email": bob.user.email})
        assert (response.status_code, response.json()["code"]) == (409, "PERSONAL_TEAM")

    @pytest.mark.parametrize("body", [{}, {"email": "x@example.com", "role": "king"}, {"email": 1}, {"user_id": "x"}])
    async def test_refuses_what_breaks_a_rule(self, ann: Person, members: str, body: dict[str, Any]) -> None:
        assert (await ann.http.post(members, json=body)).status_code == 422

    @pytest.mark.parametrize(
        ("role", "given", "status"),
        [
            ("owner", "owner", 201),
            ("owner", "admin", 201),
            ("admin", "member", 201),
            ("admin", "viewer", 201),
            ("admin", "admin", 403),
            ("admin", "owner", 403),
            ("member", "viewer", 403),
            ("viewer", "viewer", 403),
        ],
    )
    async def test_who_may_add_whom(
        self,
        new_person: NewPerson,
        ann: Person,
        bob: Person,
        team: dict[str, Any],
        members: str,
        role: str,
        given: str,
        status: int,
    ) -> None:
        person = await joined(new_person, ann, team, role)
        response = await person.http.post(members, json={"email": bob.user.email, "role": given})
        assert response.status_code == status


class TestList:
    async def test_shows_everybody_in_pages_to_every_member(
        self, new_person: NewPerson, ann: Person, team: dict[str, Any], members: str, service_database: Database
    ) -> None:
        people = [ann, *[await joined(new_person, ann, team, role) for role in ("owner", "member", "viewer")]]
        viewer = people[-1]
        await viewer.http.get(members)
        with service_database.observed() as statements:
            first = await viewer.http.get(f"{members}?limit=3", headers={"Prefer": "return=total-count"})
        shown = [name for name in statements if name.startswith("teams.")]
        assert shown == ["teams.role", "teams.members", "teams.member_count"]
        assert first.json()["page"]["total"] == 4
        second = await viewer.http.get(f"{members}?limit=3&cursor={first.json()['page']['next_cursor']}")
        seen = [(m["user_id"], m["role"]) for page in (first, second) for m in page.json()["items"]]
        expected = zip([str(person.user.id) for person in people], ["owner", "owner", "member", "viewer"], strict=True)
        assert sorted(seen) == sorted(expected)
        back = await viewer.http.get(f"{members}?limit=3&cursor={second.json()['page']['prev_cursor']}")
        assert back.json()["items"] == first.json()["items"]

    async def test_a_cursor_is_good_for_its_own_team_only(
        self, new_person: NewPerson, ann: Person, team: dict[str, Any], members: str
    ) -> None:
        await joined(new_person, ann, team, "member")
        cursor = (await ann.http.get(f"{members}?limit=1")).json()["page"]["next_cursor"]
        other = await ann.create(TEAMS, name="Other")
        response = await ann.http.get(f"{TEAMS}/{other['id']}/members?cursor={cursor}")
        assert (response.status_code, response.json()["code"]) == (400, "CURSOR_MISMATCH")

    async def test_is_not_there_for_strangers(self, ann: Person, bob: Person, members: str) -> None:
        for path in (members, f"{members}/{ann.user.id}"):
            assert (await bob.http.get(path)).status_code == 404
        assert (await ann.http.get(f"{members}/{bob.user.id}")).status_code == 404


class TestGet:
    async def test_an_unchanged_membership_is_not_sent_again(self, ann: Person, members: str) -> None:
        first = await ann.http.get(f"{members}/{ann.user.id}")
        assert first.headers["ETag"].startswith('W/"')
        again = await ann.http.get(f"{members}/{ann.user.id}", headers={"If-None-Match": first.headers["ETag"]})
        assert again.status_code == 304
        sparse = await ann.http.get(f"{members}/{ann.user.id}?fields=role")
        assert sparse.json() == {"role": "owner"}


class TestChangeRole:
    async def test_holds_with_the_next_request(
        self, new_person: NewPerson, ann: Person, team: dict[str, Any], members: str
    ) -> None:
        viewer = await joined(new_person, ann, team, "viewer")
        body = {"title": "x", "team_id": team["id"]}
        assert (await viewer.http.post("/api/v2/todos", json=body)).status_code == 403
        response = await ann.http.patch(f"{members}/{viewer.user.id}", json={"role": "member"})
        assert (response.status_code, response.json()["role"]) == (200, "member")
        assert (await viewer.http.post("/api/v2/todos", json=body)).status_code == 201

    async def test_an_empty_patch_changes_nothing(
        self, new_person: NewPerson, ann: Person, team: dict[str, Any], members: str
    ) -> None:
        viewer = await joined(new_person, ann, team, "viewer")
        response = await ann.http.patch(f"{members}/{viewer.user.id}", json={})
        assert (response.status_code, response.json()["role"]) == (200, "viewer")

    @pytest.mark.parametrize(
        ("role", "of", "given", "status"),
        [
            ("owner", "owner", "viewer", 200),
            ("admin", "member", "viewer", 200),
            ("admin", "viewer", "admin", 403),
            ("admin", "admin", "viewer", 403),
            ("admin", "owner", "viewer", 403),
            ("member", "viewer", "member", 403),
            ("viewer", "viewer", "viewer", 403),
        ],
    )
    async def test_who_may_change_whom(
        self,
        new_person: NewPerson,
        ann: Person,
        team: dict[str, Any],
        members: str,
        role: str,
        of: str,
        given: str,
        status: int,
    ) -> None:
        person, other = [await joined(new_person, ann, team, name) for name in (role, of)]
        response = await person.http.patch(f"{members}/{other.user.id}", json={"role": given})
        assert response.status_code == status

    async def test_the_last_owner_stays_one(self, ann: Person, members: str) -> None:
        response = await ann.http.patch(f"{members}/{ann.user.id}", json={"role": "admin"})
        assert (response.status_code, response.json()["code"]) == (409, "LAST_OWNER")

    async def test_is_not_there_for_strangers(self, ann: Person, bob: Person, members: str) -> None:
        for person, user_id in ((bob, ann.user.id), (ann, bob.user.id), (ann, uuid4())):
            assert (await person.http.patch(f"{members}/{user_id}", json={"role": "viewer"})).status_code == 404


class TestRemove:
    async def test_holds_with_the_next_request_and_frees_what_was_assigned(
        self, new_person: NewPerson, ann: Person, team: dict[str, Any], members: str
    ) -> None:
        other = await joined(new_person, ann, team, "member")
        todo = await ann.create("/api/v2/todos", title="x", team_id=team["id"], assignee_id=str(other.user.id))
        response = await ann.http.delete(f"{members}/{other.user.id}")
        assert (response.status_code, response.content) == (204, b"")
        for path in (f"{TEAMS}/{team['id']}", f"/api/v2/todos/{todo['id']}"):
            assert (await other.http.get(path)).status_code == 404
        after = (await ann.http.get(f"/api/v2/todos/{todo['id']}")).json()
        assert (after["assignee_id"], after["version"]) == (None, todo["version"] + 1)

    @pytest.mark.parametrize(
        ("role", "of", "status"),
        [
            ("owner", "owner", 204),
            ("admin", "member", 204),
            ("admin", "admin", 403),
            ("admin", "owner", 403),
            ("member", "viewer", 403),
            ("viewer", "viewer", 403),
        ],
    )
    async def test_who_may_remove_whom(
        self, new_person: NewPerson, ann: Person, team: dict[str, Any], members: str, role: str, of: str, status: int
    ) -> None:
        person, other = [await joined(new_person, ann, team, name) for name in (role, of)]
        assert (await person.http.delete(f"{members}/{other.user.id}")).status_code == status

    async def test_everybody_may_go_but_the_last_owner(
        self, new_person: NewPerson, ann: Person, team: dict[str, Any], members: str
    ) -> None:
        viewer = await joined(new_person, ann, team, "viewer")
        assert (await viewer.http.delete(f"{members}/{viewer.user.id}")).status_code == 204
        response = await ann.http.delete(f"{members}/{ann.user.id}")
        assert (response.status_code, response.json()["code"]) == (409, "LAST_OWNER")

    async def test_is_not_there_for_strangers(self, ann: Person, bob: Person, members: str) -> None:
        assert (await bob.http.delete(f"{members}/{ann.user.id}")).status_code == 404
        assert (await ann.http.delete(f"{members}/{bob.user.id}")).status_code == 404
