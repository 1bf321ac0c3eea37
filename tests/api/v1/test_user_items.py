"""One user at a time, in both versions."""

from typing import Any
from uuid import uuid4

import pytest

from tests.api.conftest import NewPerson, Person

ROOTS = pytest.mark.parametrize("root", ["/api/v1", "/api/v2"])


@pytest.fixture
async def administrator(new_person: NewPerson) -> Person:
    return await new_person(name="Root", roles=("admin",))


@ROOTS
class TestGet:
    async def test_administrators_see_everybody(self, administrator: Person, ann: Person, root: str) -> None:
        response = await administrator.http.get(f"{root}/users/{ann.user.id}")
        user = response.json()
        assert (response.status_code, response.headers["etag"]) == (200, '"1-admin"')
        assert (user["id"], user["email"]) == (str(ann.user.id), ann.user.email)
        itself = f"{root}/users/{ann.user.id}"
        more = {"sessions": f"{itself}/sessions", "api_keys": f"{itself}/api-keys"} if root == "/api/v2" else {}
        assert user["links"] == {"self": itself, **more}

    async def test_everybody_sees_themselves(self, ann: Person, root: str) -> None:
        response = await ann.http.get(f"{root}/users/{ann.user.id}")
        assert response.status_code == 200
        assert (await ann.http.get(response.json()["links"]["me"])).json()["id"] == str(ann.user.id)

    async def test_others_look_like_nobody(self, ann: Person, bob: Person, root: str) -> None:
        answers = [await ann.http.get(f"{root}/users/{user_id}") for user_id in (bob.user.id, uuid4())]
        assert [answer.status_code for answer in answers] == [404, 404]

    async def test_fields_makes_it_smaller(self, ann: Person, root: str) -> None:
        response = await ann.http.get(f"{root}/users/{ann.user.id}?fields=name,email")
        assert response.json() == {"name": "Ann", "email": ann.user.email}
        assert (await ann.http.get(f"{root}/users/{ann.user.id}?fields=password_hash")).status_code == 422


@ROOTS
class TestPatch:
    async def test_roles_hold_with_the_next_request(self, administrator: Person, ann: Person, root: str) -> None:
        place = f"{root}/users/{ann.user.id}"
        for roles, status in ((["admin"], 200), ([], 403)):
            response = await administrator.http.patch(place, json={"roles": roles})
            assert (response.status_code, response.json()["roles"]) == (200, roles)
            assert (await ann.http.get("/api/v2/users")).status_code == status

    async def test_deactivation_holds_with_the_next_request(
        self, administrator: Person, ann: Person, root: str
    ) -> None:
        response = await administrator.http.patch(f"{root}/users/{ann.user.id}", json={"is_active": False})
        assert (response.json()["is_active"], response.headers["etag"]) == (False, '"2-admin"')
        assert (await ann.http.get("/api/v2/me")).status_code == 401

    @pytest.mark.parametrize("patch", [{"is_active": False}, {"roles": []}])
    async def test_administrators_cannot_lock_themselves_out(
        self, administrator: Person, root: str, patch: dict[str, Any]
    ) -> None:
        response = await administrator.http.patch(f"{root}/users/{administrator.user.id}", json=patch)
        assert (response.status_code, "OWN_ACCESS" in response.text) == (409, True)

    async def test_a_stale_tag_is_a_412(self, administrator: Person, ann: Person, root: str) -> None:
        place, headers = f"{root}/users/{ann.user.id}", {"If-Match": '"1-admin"'}
        assert (await administrator.http.patch(place, json={"roles": ["admin"]}, headers=headers)).status_code == 200
        assert (await administrator.http.patch(place, json={"roles": []}, headers=headers)).status_code == 412

    async def test_nobody_promotes_themselves(self, ann: Person, root: str) -> None:
        response = await ann.http.patch(f"{root}/users/{ann.user.id}", json={"roles": ["admin"]})
        assert response.status_code == 403
        assert (await ann.http.get("/api/v2/me")).json()["roles"] == []

    async def test_others_look_like_nobody(self, ann: Person, bob: Person, root: str) -> None:
        for user_id in (bob.user.id, uuid4()):
            response = await ann.http.patch(f"{root}/users/{user_id}", json={"is_active": False})
            assert response.status_code == 404
        assert (await bob.http.get("/api/v2/me")).status_code == 200

    @pytest.mark.parametrize(
        "patch",
        [{"roles": ["king"]}, {"roles": None}, {"is_active": "no"}, {"name": "Zoë"}, {"email": "x@y.org"}],
    )
    async def test_anything_else_is_refused(
        self, administrator: Person, ann: Person, root: str, patch: dict[str, Any]
    ) -> None:
        assert (await administrator.http.patch(f"{root}/users/{ann.user.id}", json=patch)).status_code == 422
