"""Logging in and out: the same in both versions, but for the shape of refusals."""

import asyncio
from typing import Any

import httpx
import pytest

from app.settings import Settings
from tests.api.conftest import NewPerson, Person
from tests.conftest import running
from tests.factories import PASSWORD

ROOTS = pytest.mark.parametrize("root", ["/api/v1", "/api/v2"])
NEW_PASSWORD = "blue penguin umbrella"


def code_of(response: httpx.Response) -> str:
    """The code of a refusal of either version."""
    body = response.json()
    return str(body["error"]["code"] if "error" in body else body["code"])


def faults_of(response: httpx.Response) -> set[str]:
    """The fields that a refusal of either version names."""
    body = response.json()
    if "error" in body:
        return set(body["error"]["fields"])
    return {error["pointer"].removeprefix("#/") for error in body["errors"]}


async def log_in(client: httpx.AsyncClient, email: str, password: str = PASSWORD, root: str = "/api/v2") -> Any:
    response = await client.post(f"{root}/auth/login", json={"email": email, "password": password})
    assert response.status_code == 200, response.text
    return response.json()


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"{tokens['token_type']} {tokens['access_token']}"}


@ROOTS
class TestLogIn:
    async def test_it_gives_tokens_that_let_in(self, client: httpx.AsyncClient, ann: Person, root: str) -> None:
        response = await client.post(f"{root}/auth/login", json={"email": ann.user.email, "password": PASSWORD})
        tokens = response.json()
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-store"
        assert {name: tokens[name] for name in ("token_type", "expires_in", "refresh_expires_in")} == {
            "token_type": "Bearer",
            "expires_in": 900,
            "refresh_expires_in": 1_209_600,
        }
        me = await client.get("/api/v2/me", headers=bearer(tokens))
        assert me.json()["id"] == str(ann.user.id)

    async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(
        self, client: httpx.AsyncClient, ann: Person, root: str
    ) -> None:
        answers = []
        for body in (
            {"email": ann.user.email, "password": "wrong"},
            {"email": "nobody@example.com", "password": PASSWORD},
            {"email": "not an address", "password": PASSWORD},
        ):
            response = await client.post(f"{root}/auth/login", json=body)
            assert response.headers["www-authenticate"] == 'Bearer realm="todo"'
            shown = response.json()
            shown = {**shown, **shown.get("error", {})}
            answers.append((response.status_code, code_of(response), shown.get("detail"), shown.get("message")))
        assert answers[0][:2] == (401, "INVALID_CREDENTIALS")
        assert answers == [answers[0]] * 3

    async def test_a_deactivated_account_cannot_come_in(
        self, client: httpx.AsyncClient, new_person: NewPerson, ann: Person, root: str
    ) -> None:
        administrator = await new_person(roles=("admin",))
        await administrator.http.patch(f"/api/v2/users/{ann.user.id}", json={"is_active": False})
        response = await client.post(f"{root}/auth/login", json={"email": ann.user.email, "password": PASSWORD})
        assert (response.status_code, code_of(response)) == (401, "INVALID_CREDENTIALS")


@ROOTS
class TestRefresh:
    async def test_it_replaces_both_tokens(self, client: httpx.AsyncClient, ann: Person, root: str) -> None:
        old = await log_in(client, ann.user.email)
        response = await client.post(f"{root}/auth/refresh", json={"refresh_token": old["refresh_token"]})
        new = response.json()
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-store"
        assert new["refresh_token"] != old["refresh_token"]
        assert (await client.get("/api/v2/me", headers=bearer(new))).status_code == 200

    async def test_twenty_at_once_log_nobody_out(self, client: httpx.AsyncClient, ann: Person, root: str) -> None:
        old = await log_in(client, ann.user.email)
        body = {"refresh_token": old["refresh_token"]}
        answers = await asyncio.gather(*(client.post(f"{root}/auth/refresh", json=body) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["refresh_token"] for answer in answers}) == 1
        for answer in answers:
            assert (await client.get("/api/v2/me", headers=bearer(answer.json()))).status_code == 200

    @pytest.mark.parametrize("token", ["unknown", "R0CkQ50jXOU3GHiAaDUYNcY5fFU-rNp5z7E9fjXxnok"])
    async def test_an_unknown_token_is_refused(self, client: httpx.AsyncClient, root: str, token: str) -> None:
        response = await client.post(f"{root}/auth/refresh", json={"refresh_token": token})
        assert (response.status_code, code_of(response)) == (401, "INVALID_REFRESH_TOKEN")
        assert response.headers["www-authenticate"] == 'Bearer realm="todo"'

    async def test_an_access_token_is_refused(self, client: httpx.AsyncClient, ann: Person, root: str) -> None:
        tokens = await log_in(client, ann.user.email)
        response = await client.post(f"{root}/auth/refresh", json={"refresh_token": tokens["access_token"][:256]})
        assert (response.status_code, code_of(response)) == (401, "INVALID_REFRESH_TOKEN")


@ROOTS
class TestLogOut:
    async def test_it_ends_this_session(self, client: httpx.AsyncClient, ann: Person, root: str) -> None:
        here, there = await log_in(client, ann.user.email), await log_in(client, ann.user.email)
        response = await client.post(f"{root}/auth/logout", headers=bearer(here))
        assert (response.status_code, response.content) == (204, b"")
        assert (await client.get("/api/v2/me", headers=bearer(here))).status_code == 401
        refreshed = await client.post(f"{root}/auth/refresh", json={"refresh_token": here["refresh_token"]})
        assert refreshed.status_code == 401
        assert (await client.get("/api/v2/me", headers=bearer(there))).status_code == 200

    async def test_everywhere_ends_all(self, client: httpx.AsyncClient, ann: Person, bob: Person, root: str) -> None:
        here, there = await log_in(client, ann.user.email), await log_in(client, ann.user.email)
        assert (await client.post(f"{root}/auth/logout-all", headers=bearer(here))).status_code == 204
        for tokens in (here, there):
            assert (await client.get("/api/v2/me", headers=bearer(tokens))).status_code == 401
        assert (await bob.http.get("/api/v2/me")).status_code == 200


@ROOTS
class TestChangePassword:
    async def test_the_new_one_is_good_and_other_sessions_end(
        self, client: httpx.AsyncClient, ann: Person, root: str
    ) -> None:
        elsewhere = await log_in(client, ann.user.email)
        body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        response = await ann.http.post(f"{root}/auth/password/change", json=body)
        assert (response.status_code, response.content) == (204, b"")
        assert (await ann.http.get("/api/v2/me")).status_code == 200
        assert (await client.get("/api/v2/me", headers=bearer(elsewhere))).status_code == 401
        await log_in(client, ann.user.email, NEW_PASSWORD)

    async def test_the_current_one_must_be_right(self, ann: Person, root: str) -> None:
        body = {"current_password": "wrong", "new_password": NEW_PASSWORD}
        response = await ann.http.post(f"{root}/auth/password/change", json=body)
        assert (response.status_code, code_of(response)) == (401, "WRONG_PASSWORD")

    async def test_the_new_one_must_be_good(self, ann: Person, root: str) -> None:
        body = {"current_password": PASSWORD, "new_password": "short"}
        response = await ann.http.post(f"{root}/auth/password/change", json=body)
        assert (response.status_code, faults_of(response)) == (422, {"new_password"})


class TestTokens:
    """What the Authorization header may hold."""

    @pytest.mark.parametrize(
        "header",
        ["", "Bearer", "Bearer ", "Basic YW5uOnB3", "Bearer nonsense", "Bearer a.b.c", "Token x", "Bearer \xff\xfe"],
    )
    async def test_anything_but_an_access_token_is_a_401(self, client: httpx.AsyncClient, header: str) -> None:
        response = await client.get("/api/v2/me", headers=[(b"Authorization", header.encode("latin-1"))])
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith('Bearer realm="todo"')

    async def test_a_refresh_token_is_no_access_token(self, client: httpx.AsyncClient, ann: Person) -> None:
        tokens = await log_in(client, ann.user.email)
        header = {"Authorization": f"Bearer {tokens['refresh_token']}"}
        response = await client.get("/api/v2/me", headers=header)
        assert (response.status_code, code_of(response)) == (401, "INVALID_TOKEN")

    async def test_tokens_of_one_version_are_good_in_the_other(self, client: httpx.AsyncClient, ann: Person) -> None:
        tokens = await log_in(client, ann.user.email, root="/api/v1")
        assert (await client.get("/api/v2/me", headers=bearer(tokens))).status_code == 200


class TestTwoWorkers:
    """Two processes on one database: what one of them ends, the other refuses with the very next request."""

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/api/v2/auth/logout", None),
            ("/api/v2/auth/logout-all", None),
            ("/api/v2/users/{user_id}", {"is_active": False}),
        ],
    )
    async def test_a_session_ended_in_one_is_ended_in_both(
        self,
        client: httpx.AsyncClient,
        settings: Settings,
        new_person: NewPerson,
        ann: Person,
        path: str,
        body: dict[str, Any] | None,
    ) -> None:
        administrator = await new_person(roles=("admin",))
        tokens = await log_in(client, ann.user.email)
        async with running(settings) as other:
            transport = httpx.ASGITransport(other.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=settings.http.base_url) as http:
                assert (await http.get("/api/v2/me", headers=bearer(tokens))).status_code == 200
                if body is None:
                    ended = await client.post(path, headers=bearer(tokens))
                else:
                    ended = await administrator.http.patch(path.format(user_id=ann.user.id), json=body)
                assert ended.status_code in {200, 204}
                refused = await http.get("/api/v2/me", headers=bearer(tokens))
                assert (refused.status_code, code_of(refused)) == (401, "SESSION_ENDED")
                body_of_refresh = {"refresh_token": tokens["refresh_token"]}
                assert (await http.post("/api/v2/auth/refresh", json=body_of_refresh)).status_code == 401
