"""The sessions and API keys of users, for administrators."""

from uuid import uuid4

import httpx
import pytest

from app.database.executor import Database
from tests.api.conftest import NewPerson, Person
from tests.api_key_factories import key_header, make_api_key

SOME_ID = "0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a"
USERS, ME = "/api/v2/users", "/api/v2/me"


@pytest.fixture
async def administrator(new_person: NewPerson) -> Person:
    return await new_person(name="Root", roles=("admin",))


class TestSessions:
    async def test_they_are_shown_in_pages(self, administrator: Person, ann: Person) -> None:
        place = f"{USERS}/{ann.user.id}/sessions"
        response = await administrator.http.get(place, headers={"Prefer": "return=total-count"})
        (session,) = response.json()["items"]
        assert response.json()["page"]["total"] == 1
        assert (session["user_agent"], session["address"], session["is_current"]) == ("pytest", "127.0.0.1", False)
        assert session["links"] == {"revoke": f"{place}/{session['id']}"}
        etag = response.headers["etag"]
        again = {"Prefer": "return=total-count", "If-None-Match": etag}
        assert (await administrator.http.get(place, headers=again)).status_code == 304

    async def test_a_cursor_of_one_user_does_not_lead_through_another(
        self, administrator: Person, ann: Person, bob: Person, client: httpx.AsyncClient
    ) -> None:
        for _ in range(2):
            body = {"email": ann.user.email, "password": "correct horse battery staple"}
            assert (await client.post("/api/v2/auth/login", json=body)).status_code == 200
        first = await administrator.http.get(f"{USERS}/{ann.user.id}/sessions?limit=1")
        cursor = first.json()["page"]["next_cursor"]
        elsewhere = await administrator.http.get(f"{USERS}/{bob.user.id}/sessions?limit=1&cursor={cursor}")
        assert (elsewhere.status_code, elsewhere.json()["code"]) == (400, "CURSOR_MISMATCH")

    async def test_ending_one_logs_that_device_out(self, administrator: Person, ann: Person) -> None:
        (session,) = (await administrator.http.get(f"{USERS}/{ann.user.id}/sessions")).json()["items"]
        assert (await ann.http.get(ME)).status_code == 200
        answers = [(await administrator.http.delete(session["links"]["revoke"])).status_code for _ in range(2)]
        assert answers == [204, 404]
        assert (await ann.http.get(ME)).status_code == 401

    async def test_ending_all_logs_them_out_everywhere_and_they_may_come_back(
        self, administrator: Person, ann: Person, client: httpx.AsyncClient
    ) -> None:
        assert (await administrator.http.delete(f"{USERS}/{ann.user.id}/sessions")).status_code == 204
        assert (await ann.http.get(ME)).status_code == 401
        body = {"email": ann.user.email, "password": "correct horse battery staple"}
        assert (await client.post("/api/v2/auth/login", json=body)).status_code == 200

    async def test_administrators_may_end_their_own(self, administrator: Person) -> None:
        assert (await administrator.http.delete(f"{USERS}/{administrator.user.id}/sessions")).status_code == 204
        assert (await administrator.http.get(ME)).status_code == 401


class TestApiKeys:
    async def test_they_are_shown_without_their_text(
        self, administrator: Person, ann: Person, database: Database
    ) -> None:
        issued = await make_api_key(database, ann.user)
        place = f"{USERS}/{ann.user.id}/api-keys"
        response = await administrator.http.get(place)
        (shown,) = response.json()["items"]
        assert (shown["id"], shown["scopes"]) == (str(issued.api_key.id), ["todos:read"])
        assert shown["links"] == {"revoke": f"{place}/{shown['id']}"}
        assert "todo_pat_" not in response.text

    async def test_one_or_all_are_revoked_at_once(
        self, administrator: Person, ann: Person, database: Database, client: httpx.AsyncClient
    ) -> None:
        first, second, third = [await make_api_key(database, ann.user) for _ in range(3)]
        place = f"{USERS}/{ann.user.id}/api-keys"

        async def statuses() -> list[int]:
            headers = [key_header(issued) for issued in (first, second, third)]
            return [(await client.get("/api/v2/todos", headers=header)).status_code for header in headers]

        assert await statuses() == [200, 200, 200]
        answers = [(await administrator.http.delete(f"{place}/{first.api_key.id}")).status_code for _ in range(2)]
        assert (answers, await statuses()) == ([204, 404], [401, 200, 200])
        assert (await administrator.http.delete(place)).status_code == 204
        assert await statuses() == [401, 401, 401]
        assert (await ann.http.get(ME)).status_code == 200


class TestOthers:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "sessions"),
            ("DELETE", "sessions"),
            ("DELETE", f"sessions/{SOME_ID}"),
            ("GET", "api-keys"),
            ("DELETE", "api-keys"),
            ("DELETE", f"api-keys/{SOME_ID}"),
        ],
    )
    async def test_for_whom_nobody_else_exists(self, ann: Person, bob: Person, method: str, path: str) -> None:
        for user_id, status in ((bob.user.id, 404), (uuid4(), 404), (ann.user.id, 403)):
            response = await ann.http.request(method, f"{USERS}/{user_id}/{path}")
            assert response.status_code == status
        assert (await bob.http.get(ME)).status_code == 200
