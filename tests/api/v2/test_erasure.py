"""Deleting one's account over the interface, and calling it off."""

import datetime as dt
from uuid import uuid4

import httpx
import pytest

from tests.api.conftest import NewPerson, Person
from tests.api_key_factories import key_header, make_api_key
from tests.conftest import Running
from tests.domain.identity.mailing import mailed
from tests.factories import PASSWORD, bearer, open_session
from tests.messages import Outbox


async def log_in(client: httpx.AsyncClient, person: Person) -> httpx.Response:
    return await client.post("/api/v2/auth/login", json={"email": person.user.email, "password": PASSWORD})


class TestDelete:
    async def test_it_says_when_and_everything_ends_with_it(
        self, client: httpx.AsyncClient, service: Running, ann: Person
    ) -> None:
        database, authority = service.services.database, service.services.authority
        other = bearer(await open_session(database, authority, ann.user))
        key = key_header(await make_api_key(database, ann.user, ["todos:read"]))
        for headers in (other, key):
            assert (await client.get("/api/v2/todos", headers=headers)).status_code == 200
        response = await ann.http.delete("/api/v2/me")
        assert response.status_code == 202
        due = dt.datetime.fromisoformat(response.json()["deletion_scheduled_at"])
        assert abs(due - dt.datetime.now(dt.UTC) - dt.timedelta(days=7)) < dt.timedelta(minutes=1)
        assert (await ann.http.get("/api/v2/me")).status_code == 401
        for headers in (other, key):
            assert (await client.get("/api/v2/todos", headers=headers)).status_code == 401

    async def test_the_cookies_of_a_page_go_away(self, client: httpx.AsyncClient, ann: Person) -> None:
        body = {"email": ann.user.email, "password": PASSWORD, "token_delivery": "cookie"}
        tokens = await client.post("/api/v2/auth/login", json=body, headers={"Sec-Fetch-Site": "same-origin"})
        assert tokens.status_code == 200, tokens.text
        cookie = next(value for value in tokens.headers.get_list("set-cookie") if "todo_refresh" in value)
        headers = {"Authorization": f"Bearer {tokens.json()['access_token']}", "Cookie": cookie.partition(";")[0]}
        response = await client.delete("/api/v2/me", headers=headers)
        assert response.status_code == 202
        assert any("todo_refresh=; Max-Age=0" in value for value in response.headers.get_list("set-cookie"))

    async def test_a_refresh_token_is_no_way_back(self, client: httpx.AsyncClient, ann: Person) -> None:
        refresh_token = (await log_in(client, ann)).json()["refresh_token"]
        await ann.http.delete("/api/v2/me")
        refused = await client.post("/api/v2/auth/refresh", json={"refresh_token": refresh_token})
        assert refused.status_code == 401

    async def test_administrators_cannot(self, new_person: NewPerson) -> None:
        refused = await (await new_person(roles=("admin",))).http.delete("/api/v2/me")
        assert (refused.status_code, refused.json()["code"]) == (409, "ADMINISTRATOR")

    async def test_no_api_key_can(self, client: httpx.AsyncClient, service: Running, ann: Person) -> None:
        key = await make_api_key(service.services.database, ann.user, ["me:read", "me:write"])
        refused = await client.delete("/api/v2/me", headers=key_header(key))
        assert (refused.status_code, refused.json()["code"]) == (403, "INSUFFICIENT_SCOPE")

    async def test_it_takes_fresh_proof(self, service: Running, ann: Person) -> None:
        async with service.services.database.transaction() as work:
            await work._connection.raw.execute("UPDATE sessions SET fresh_until = NULL WHERE user_id = $1", ann.user.id)
        refused = await ann.http.delete("/api/v2/me")
        assert (refused.status_code, refused.json()["code"]) == (401, "STEP_UP_REQUIRED")
        assert (await ann.http.post("/api/v2/auth/step-up", json={"password": PASSWORD})).status_code == 200
        assert (await ann.http.delete("/api/v2/me")).status_code == 202


class TestCancel:
    async def test_from_the_mail_to_the_login(self, client: httpx.AsyncClient, ann: Person, outbox: Outbox) -> None:
        await ann.http.delete("/api/v2/me")
        refused = await log_in(client, ann)
        assert (refused.status_code, refused.json()["code"]) == (401, "DELETION_SCHEDULED")
        body = {"token": await mailed(outbox, ann.user.email)}
        response = await client.post("/api/v2/auth/deletion/cancel", json=body)
        assert (response.status_code, response.content) == (204, b"")
        assert (await log_in(client, ann)).status_code == 200
        assert (await ann.http.get("/api/v2/me")).status_code == 401
        again = await client.post("/api/v2/auth/deletion/cancel", json=body)
        assert (again.status_code, again.json()["code"]) == (401, "INVALID_MAIL_TOKEN")
        assert body["token"] not in again.text

    @pytest.mark.parametrize("version", ["v1", "v2"])
    async def test_a_wrong_password_says_as_little_as_ever(
        self, client: httpx.AsyncClient, ann: Person, bob: Person, version: str
    ) -> None:
        await ann.http.delete("/api/v2/me")
        answers = [
            await client.post(f"/api/{version}/auth/login", json={"email": email, "password": "wrong"})
            for email in (ann.user.email, bob.user.email, f"{uuid4().hex}@example.com")
        ]
        assert {answer.status_code for answer in answers} == {401}
        bodies = [answer.json() for answer in answers]
        assert {str(body.get("code") or body["error"]["code"]) for body in bodies} == {"INVALID_CREDENTIALS"}


class TestResend:
    async def test_the_answer_is_the_same_for_every_address(
        self, client: httpx.AsyncClient, ann: Person, bob: Person, outbox: Outbox
    ) -> None:
        await ann.http.delete("/api/v2/me")
        first = await mailed(outbox, ann.user.email)
        answers = [
            await client.post("/api/v2/auth/deletion/resend", json={"email": email})
            for email in (ann.user.email, bob.user.email, f"{uuid4().hex}@example.com")
        ]
        assert {(answer.status_code, answer.content) for answer in answers} == {(202, answers[0].content)}
        assert await mailed(outbox, ann.user.email) != first
