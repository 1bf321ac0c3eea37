"""Teams in version 2."""

from typing import Any
from uuid import uuid4

import pytest

from app.database.executor import Database
from tests.api.conftest import NewPerson, Person
from tests.api.memberships import joined

TEAMS = "/api/v2/teams"
ROLES = ["owner", "admin", "member", "viewer"]


class TestCreate:
    async def test_answers_the_whole_team_with_its_place_and_its_tag(self, ann: Person) -> None:
        response = await ann.http.post(TEAMS, json={"name": " Household ", "slug": f"s-{uuid4().hex}"})
        team = response.json()
        itself = f"{TEAMS}/{team['id']}"
        assert response.status_code == 201
        assert (response.headers["Location"], response.headers["ETag"]) == (itself, '"1-owner"')
        assert (team["name"], team["role"], team["is_personal"], team["version"]) == ("Household", "owner", False, 1)
        assert team["links"] == {
            "self": itself,
            "members": f"{itself}/members",
            "projects": f"/api/v2/projects?team_id={team['id']}",
            "todos": f"/api/v2/todos?team_id={team['id']}",
            "tags": f"/api/v2/tags?team_id={team['id']}",
            "leave": f"{itself}/leave",
        }
        assert (await ann.http.get(itself)).json() == team

    async def test_a_taken_slug_is_a_conflict(self, ann: Person, bob: Person) -> None:
        slug = f"s-{uuid4().hex}"
        await ann.create(TEAMS, name="A", slug=slug)
        response = await bob.http.post(TEAMS, json={"name": "B", "slug": slug})
        assert (response.status_code, response.json()["code"]) == (409, "SLUG_TAKEN")

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, "#/name"),
            ({"name": ""}, "#/name"),
            ({"name": "x" * 101}, "#/name"),
            ({"name": 7}, "#/name"),
            ({"name": "x", "slug": "Not A Slug"}, "#/slug"),
            ({"name": "x", "slug": "x" * 64}, "#/slug"),
            ({"name": "x", "is_personal": True}, "#/is_personal"),
            ({"name": "x", "id": str(uuid4())}, "#/id"),
        ],
    )
    async def test_refuses_what_breaks_a_rule_and_says_where(
        self, ann: Person, body: dict[str, Any], pointer: str
    ) -> None:
        response = await ann.http.post(TEAMS, json=body)
        assert response.status_code == 422
        assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


class TestList:
    async def test_shows_ones_own_teams_in_pages_with_one_statement_each(
        self, ann: Person, bob: Person, service_database: Database
    ) -> None:
        await bob.create(TEAMS, name="Hidden")
        made = [(await ann.create(TEAMS, name=name))["id"] for name in "abc"]
        await ann.http.get(TEAMS)  # the token is known from here on
        with service_database.observed() as statements:
            first = await ann.http.get(f"{TEAMS}?limit=2")
        assert [name for name in statements if name.startswith("teams.")] == ["teams.page"]
        assert first.json()["items"][0]["is_personal"]
        assert 'rel="next"' in first.headers["Link"]
        second = await ann.http.get(f"{TEAMS}?limit=2&cursor={first.json()['page']['next_cursor']}")
        ids = [team["id"] for page in (first, second) for team in page.json()["items"]]
        assert ids[1:] == made
        assert second.json()["page"]["next_cursor"] is None
        back = await ann.http.get(f"{TEAMS}?limit=2&cursor={second.json()['page']['prev_cursor']}")
        assert back.json()["items"] == first.json()["items"]

    async def test_counts_if_asked_and_shows_only_the_fields_asked_for(self, ann: Person) -> None:
        response = await ann.http.get(f"{TEAMS}?fields=name,role", headers={"Prefer": "return=total-count"})
        assert response.json()["items"] == [{"name": "Personal", "role": "owner"}]
        assert response.json()["page"]["total"] == 1
        assert response.headers["Preference-Applied"] == "return=total-count"

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("fields=secret", 422),
            ("limit=101", 422),
            ("sort=name", 422),
            ("limit=1&limit=2", 422),
            ("cursor=AAAA", 400),
        ],
    )
    async def test_refuses_what_it_does_not_know(self, ann: Person, query: str, status: int) -> None:
        assert (await ann.http.get(f"{TEAMS}?{query}")).status_code == status

    async def test_an_unchanged_page_is_not_sent_again(self, ann: Person) -> None:
        first = await ann.http.get(TEAMS)
        again = await ann.http.get(TEAMS, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


class TestGet:
    async def test_an_unchanged_team_is_not_sent_again_unless_ones_role_changed(
        self, new_person: NewPerson, ann: Person
    ) -> None:
        team = await ann.create(TEAMS, name="Household")
        viewer = await joined(new_person, ann, team, "viewer")
        itself = f"{TEAMS}/{team['id']}"
        tag = (await viewer.http.get(itself)).headers["ETag"]
        assert tag == '"1-viewer"'
        assert (await viewer.http.get(itself, headers={"If-None-Match": tag})).status_code == 304
        await ann.http.patch(f"{itself}/members/{viewer.user.id}", json={"role": "admin"})
        changed = await viewer.http.get(itself, headers={"If-None-Match": tag})
        assert (changed.status_code, changed.json()["role"]) == (200, "admin")

    async def test_the_personal_team_cannot_be_left(self, ann: Person) -> None:
        [team] = (await ann.http.get(TEAMS)).json()["items"]
        assert "leave" not in team["links"]

    async def test_what_is_not_visible_looks_like_what_does_not_exist(self, ann: Person, bob: Person) -> None:
        team = await ann.create(TEAMS, name="Household")
        for method in ("GET", "PATCH", "DELETE"):
            for team_id in (team["id"], str(uuid4())):
                body = {"name": "x"} if method == "PATCH" else None
                response = await bob.http.request(method, f"{TEAMS}/{team_id}", json=body)
                assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")
        assert (await bob.http.post(f"{TEAMS}/{team['id']}/leave")).status_code == 404


class TestUpdate:
    async def test_a_merge_patch_changes_what_it_names(self, ann: Person) -> None:
        team = await ann.create(TEAMS, name="Household")
        response = await ann.http.patch(
            f"{TEAMS}/{team['id']}",
            content=b'{"name": "Flat"}',
            headers={"Content-Type": "application/merge-patch+json", "If-Match": '"1-owner"'},
        )
        assert (response.status_code, response.headers["ETag"]) == (200, '"2-owner"')
        assert (response.json()["name"], response.json()["slug"]) == ("Flat", team["slug"])
        same = await ann.http.patch(f"{TEAMS}/{team['id']}", json={})
        assert same.json() == response.json()

    async def test_a_stale_tag_changes_nothing(self, ann: Person) -> None:
        team = await ann.create(TEAMS, name="Household")
        headers = {"If-Match": '"9-owner"'}
        for method, body in (("PATCH", {"name": "Flat"}), ("DELETE", None)):
            response = await ann.http.request(method, f"{TEAMS}/{team['id']}", headers=headers, json=body)
            assert response.status_code == 412
        assert (await ann.http.get(f"{TEAMS}/{team['id']}")).json() == team

    @pytest.mark.parametrize("body", [{"name": None}, {"slug": None}, {"version": 3}])
    async def test_refuses_what_cannot_be_cleared_or_set(self, ann: Person, body: dict[str, Any]) -> None:
        team = await ann.create(TEAMS, name="Household")
        assert (await ann.http.patch(f"{TEAMS}/{team['id']}", json=body)).status_code == 422

    @pytest.mark.parametrize(("role", "status"), [("owner", 200), ("admin", 200), ("member", 403), ("viewer", 403)])
    async def test_admins_may(self, new_person: NewPerson, ann: Person, role: str, status: int) -> None:
        team = await ann.create(TEAMS, name="Household")
        person = await joined(new_person, ann, team, role)
        response = await person.http.patch(f"{TEAMS}/{team['id']}", json={"name": "Flat"})
        assert response.status_code == status
        assert response.json().get("code") == (None if status == 200 else "ROLE_TOO_LOW")


class TestDelete:
    async def test_an_empty_team_is_gone_at_once(self, ann: Person) -> None:
        team = await ann.create(TEAMS, name="Household")
        response = await ann.http.delete(f"{TEAMS}/{team['id']}")
        assert (response.status_code, response.content) == (204, b"")
        assert (await ann.http.get(f"{TEAMS}/{team['id']}")).status_code == 404

    async def test_a_team_with_todos_stays_until_they_are_in_the_trash(self, ann: Person) -> None:
        team = await ann.create(TEAMS, name="Household")
        todo = await ann.create("/api/v2/todos", title="x", team_id=team["id"])
        response = await ann.http.delete(f"{TEAMS}/{team['id']}")
        assert (response.status_code, response.json()["code"]) == (409, "TEAM_NOT_EMPTY")
        await ann.http.delete(f"/api/v2/todos/{todo['id']}")
        assert (await ann.http.delete(f"{TEAMS}/{team['id']}")).status_code == 204

    async def test_the_personal_team_stays(self, ann: Person) -> None:
        [team] = (await ann.http.get(TEAMS)).json()["items"]
        response = await ann.http.delete(f"{TEAMS}/{team['id']}")
        assert (response.status_code, response.json()["code"]) == (409, "PERSONAL_TEAM")

    @pytest.mark.parametrize(("role", "status"), [("owner", 204), ("admin", 403), ("member", 403), ("viewer", 403)])
    async def test_owners_may(self, new_person: NewPerson, ann: Person, role: str, status: int) -> None:
        team = await ann.create(TEAMS, name="Household")
        person = await joined(new_person, ann, team, role)
        assert (await person.http.delete(f"{TEAMS}/{team['id']}")).status_code == status


class TestLeave:
    @pytest.mark.parametrize("role", ROLES)
    async def test_the_team_is_gone_for_who_leaves(self, new_person: NewPerson, ann: Person, role: str) -> None:
        team = await ann.create(TEAMS, name="Household")
        person = await joined(new_person, ann, team, role)
        assert (await person.http.post(f"{TEAMS}/{team['id']}/leave")).status_code == 204
        assert (await person.http.get(f"{TEAMS}/{team['id']}")).status_code == 404

    async def test_the_last_owner_stays(self, ann: Person) -> None:
        team = await ann.create(TEAMS, name="Household")
        response = await ann.http.post(f"{TEAMS}/{team['id']}/leave")
        assert (response.status_code, response.json()["code"]) == (409, "LAST_OWNER")
