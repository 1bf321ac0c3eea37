"""Your sessions in version 2."""

from typing import Any
from uuid import uuid4

import httpx

from tests.api.conftest import Person
from tests.factories import PASSWORD

SESSIONS = "/api/v2/me/sessions"


async def log_in(client: httpx.AsyncClient, person: Person, user_agent: str) -> dict[str, str]:
    """The header of another session of the same person."""
    body = {"email": person.user.email, "password": PASSWORD}
    response = await client.post("/api/v2/auth/login", json=body, headers={"User-Agent": user_agent})
    return {"Authorization": f"Bearer {response.json()['access_token']}"}


async def items(person: Person) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await person.http.get(SESSIONS)).json()["items"]
    return found


class TestList:
    async def test_it_shows_where_you_are_logged_in(self, client: httpx.AsyncClient, ann: Person) -> None:
        await log_in(client, ann, "a phone/1.0")
        response = await ann.http.get(SESSIONS)
        phone, here = response.json()["items"]
        assert response.status_code == 200
        assert (phone["user_agent"], phone["address"], phone["is_current"]) == ("a phone/1.0", "127.0.0.1", False)
        assert here["is_current"]
        assert phone["created_at"] <= phone["last_seen_at"] < phone["idle_expires_at"] < phone["expires_at"]
        assert response.json()["page"] == {"limit": 50, "next_cursor": None, "prev_cursor": None, "has_more": False}

    async def test_it_comes_in_pages(self, client: httpx.AsyncClient, ann: Person) -> None:
        for number in range(4):
            await log_in(client, ann, f"device/{number}")
        seen, place = [], f"{SESSIONS}?limit=2"
        while place:
            response = await ann.http.get(place, headers={"Prefer": "return=total-count"})
            assert response.json()["page"]["total"] == 5
            seen += [item["user_agent"] for item in response.json()["items"]]
            place = response.links.get("next", {}).get("url", "")
        assert seen == ["device/3", "device/2", "device/1", "device/0", "pytest"]

    async def test_sessions_of_others_are_not_shown(self, ann: Person, bob: Person) -> None:
        assert [item["is_current"] for item in await items(ann)] == [True]
        assert [item["is_current"] for item in await items(bob)] == [True]


class TestRevoke:
    async def test_the_device_is_logged_out(self, client: httpx.AsyncClient, ann: Person) -> None:
        phone = await log_in(client, ann, "a phone/1.0")
        listed, _ = await items(ann)
        response = await ann.http.delete(listed["links"]["revoke"])
        assert (response.status_code, response.content) == (204, b"")
        assert (await client.get("/api/v2/me", headers=phone)).status_code == 401
        assert [item["is_current"] for item in await items(ann)] == [True]

    async def test_it_may_be_this_one(self, ann: Person) -> None:
        (here,) = await items(ann)
        assert (await ann.http.delete(here["links"]["revoke"])).status_code == 204
        assert (await ann.http.get("/api/v2/me")).status_code == 401

    async def test_those_of_others_do_not_exist(self, ann: Person, bob: Person) -> None:
        (his,) = await items(bob)
        for session_id in (his["id"], uuid4()):
            assert (await ann.http.delete(f"{SESSIONS}/{session_id}")).status_code == 404
        assert (await bob.http.get("/api/v2/me")).status_code == 200

    async def test_twice_is_a_404(self, client: httpx.AsyncClient, ann: Person) -> None:
        await log_in(client, ann, "a phone/1.0")
        listed, _ = await items(ann)
        answers = [(await ann.http.delete(listed["links"]["revoke"])).status_code for _ in range(2)]
        assert answers == [204, 404]


class TestLabel:
    async def test_it_is_what_the_program_is_called_until_it_is_named(
        self, client: httpx.AsyncClient, ann: Person
    ) -> None:
        await log_in(client, ann, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
        phone, _ = await items(ann)
        assert phone["label"] == "Firefox on Linux"
        named = await ann.http.patch(phone["links"]["rename"], json={"label": "Old laptop"})
        assert (named.status_code, named.json()) == (200, {**phone, "label": "Old laptop"})
        assert (await items(ann))[0] == named.json()
        unchanged = await ann.http.patch(phone["links"]["rename"], json={})
        assert unchanged.json() == named.json()
        cleared = await ann.http.patch(phone["links"]["rename"], json={"label": None})
        assert cleared.json() == phone

    async def test_nothing_else_can_be_changed(self, ann: Person) -> None:
        (here,) = await items(ann)
        for member in ("user_agent", "address", "expires_at", "is_current"):
            response = await ann.http.patch(here["links"]["rename"], json={member: here[member]})
            assert response.status_code == 422

    async def test_sessions_of_others_do_not_exist(self, ann: Person, bob: Person) -> None:
        (his,) = await items(bob)
        for body in ({"label": "Mine"}, {}):
            assert (await ann.http.patch(his["links"]["rename"], json=body)).status_code == 404


class TestRevokeOthers:
    async def test_only_this_one_stays(self, client: httpx.AsyncClient, ann: Person, bob: Person) -> None:
        phone = await log_in(client, ann, "a phone/1.0")
        response = await ann.http.post(f"{SESSIONS}/revoke-others")
        assert (response.status_code, response.content) == (204, b"")
        assert (await client.get("/api/v2/me", headers=phone)).status_code == 401
        assert [item["is_current"] for item in await items(ann)] == [True]
        assert len(await items(bob)) == 1
