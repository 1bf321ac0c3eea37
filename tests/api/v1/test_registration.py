"""Registering: the same in both versions, and the same for every address."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.conftest import Person
from tests.api.v1.test_auth import ROOTS, bearer, code_of, faults_of, log_in
from tests.domain.identity.mailing import mailed
from tests.factories import PASSWORD
from tests.messages import Outbox


def somebody(**fields: Any) -> dict[str, Any]:
    return {"email": f"{uuid4().hex}@example.com", "name": "Ann", "password": PASSWORD, **fields}


OF_EACH_REQUEST = {"x-request-id", "ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset"}


def without_ids(response: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All that a client sees, but for the number of the request and what is left of the client's own limit."""
    headers = [(name, value) for name, value in response.headers.multi_items() if name not in OF_EACH_REQUEST]
    return response.status_code, response.content, headers


@ROOTS
class TestRegister:
    async def test_it_says_that_a_mail_is_on_its_way(self, client: httpx.AsyncClient, root: str) -> None:
        body = somebody()
        response = await client.post(f"{root}/auth/register", json=body)
        assert response.status_code == 202
        assert response.json() == {"detail": "A mail is on its way to this address; it says what to do next."}
        assert response.headers["cache-control"] == "no-store"
        refused = await client.post(f"{root}/auth/login", json={"email": body["email"], "password": PASSWORD})
        assert (refused.status_code, code_of(refused)) == (401, "INVALID_CREDENTIALS")

    async def test_every_fault_is_named(self, client: httpx.AsyncClient, root: str) -> None:
        body = {"email": "nobody", "name": " ", "password": "short", "timezone": "Mars/Olympus"}
        response = await client.post(f"{root}/auth/register", json=body)
        assert response.status_code == 422
        assert faults_of(response) == {"email", "name", "password", "timezone"}
        assert "short" not in response.text

    @pytest.mark.parametrize("extra", [{"roles": ["admin"]}, {"is_active": True}, {"id": str(uuid4())}, {"version": 7}])
    async def test_nothing_else_can_be_set(self, client: httpx.AsyncClient, root: str, extra: dict[str, Any]) -> None:
        response = await client.post(f"{root}/auth/register", json=somebody(**extra))
        assert response.status_code == 422
        assert faults_of(response) == set(extra)

    @pytest.mark.parametrize("missing", ["email", "name", "password"])
    async def test_what_is_missing_is_named(self, client: httpx.AsyncClient, root: str, missing: str) -> None:
        body = somebody()
        del body[missing]
        response = await client.post(f"{root}/auth/register", json=body)
        assert (response.status_code, faults_of(response)) == (422, {missing})


@ROOTS
class TestVerify:
    async def test_it_answers_with_the_account(self, client: httpx.AsyncClient, outbox: Outbox, root: str) -> None:
        body = somebody(name="  Ann ", timezone="Europe/Berlin")
        await client.post(f"{root}/auth/register", json=body)
        confirmation = {"token": await mailed(outbox, body["email"]), "password": PASSWORD}
        response = await client.post(f"{root}/auth/email/verify", json=confirmation)
        account = response.json()
        assert response.status_code == 201
        assert response.headers["etag"].startswith('"1-self')
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["location"] == account["links"]["self"]
        assert (account["email"], account["name"], account["timezone"]) == (body["email"], "Ann", "Europe/Berlin")
        assert (account["roles"], account["is_active"]) == ([], True)
        assert account["email_verified_at"] is not None
        assert PASSWORD not in response.text
        assert "argon2" not in response.text

        tokens = await log_in(client, body["email"], root=root)
        seen = await client.get(response.headers["location"], headers=bearer(tokens))
        assert {name: seen.json()[name] for name in account} == account
        assert seen.headers["etag"] == response.headers["etag"]
        again = await client.post(f"{root}/auth/email/verify", json=confirmation)
        assert (again.status_code, code_of(again)) == (401, "INVALID_MAIL_TOKEN")

    async def test_another_password_is_refused(self, client: httpx.AsyncClient, outbox: Outbox, root: str) -> None:
        body = somebody()
        await client.post(f"{root}/auth/register", json=body)
        token = await mailed(outbox, body["email"])
        response = await client.post(f"{root}/auth/email/verify", json={"token": token, "password": "wrong"})
        assert (response.status_code, code_of(response)) == (401, "WRONG_PASSWORD")

    async def test_a_name_comes_back_as_it_was(self, client: httpx.AsyncClient, outbox: Outbox, root: str) -> None:
        name = "Zo\u00eb \U0001f980 <script>alert('x')</script> & S\u00f6hne"
        body = somebody(name=name)
        await client.post(f"{root}/auth/register", json=body)
        confirmation = {"token": await mailed(outbox, body["email"]), "password": PASSWORD}
        assert (await client.post(f"{root}/auth/email/verify", json=confirmation)).json()["name"] == name

    async def test_a_second_mail_does_as_well(self, client: httpx.AsyncClient, outbox: Outbox, root: str) -> None:
        body = somebody()
        await client.post(f"{root}/auth/register", json=body)
        assert (await client.post(f"{root}/auth/email/resend", json={"email": body["email"]})).status_code == 202
        confirmation = {"token": await mailed(outbox, body["email"]), "password": PASSWORD}
        assert (await client.post(f"{root}/auth/email/verify", json=confirmation)).status_code == 201


class TestNoEnumeration:
    """Bytes and headers are the same whether there is an account or not; so is the work, which the domain tests."""

    @pytest.mark.parametrize(
        "path",
        [
            "/api/v1/auth/register",
            "/api/v2/auth/register",
            "/api/v1/auth/email/resend",
            "/api/v2/auth/email/resend",
            "/api/v2/auth/password/forgot",
        ],
    )
    async def test_of_whoever_asks(self, client: httpx.AsyncClient, ann: Person, path: str) -> None:
        waiting = somebody()
        await client.post("/api/v2/auth/register", json=waiting)
        answers = []
        for email in (somebody()["email"], ann.user.email, ann.user.email.upper(), waiting["email"]):
            body = somebody(email=email) if path.endswith("register") else {"email": email}
            answers.append(without_ids(await client.post(path, json=body)))
        assert answers[0][0] == 202
        assert answers == [answers[0]] * 4

    async def test_of_whoever_moves(self, ann: Person, bob: Person) -> None:
        answers = [
            without_ids(await ann.http.post("/api/v2/me/email", json={"email": email}))
            for email in (somebody()["email"], bob.user.email, ann.user.email)
        ]
        assert answers[0][0] == 202
        assert answers == [answers[0]] * 3

    async def test_of_a_login_later(self, client: httpx.AsyncClient, ann: Person) -> None:
        """Registering with an address leaves nothing that a login could find, whatever password it had."""
        answers = []
        for email in (somebody()["email"], ann.user.email):
            await client.post("/api/v2/auth/register", json=somebody(email=email, password="a phrase of the guesser"))
            login = {"email": email, "password": "a phrase of the guesser"}
            response = await client.post("/api/v2/auth/login", json=login)
            status, _, headers = without_ids(response)
            content = {name: value for name, value in response.json().items() if "request" not in f"{name}{value}"}
            answers.append((status, content, headers))
        assert answers[0] == answers[1]
        assert answers[0][0] == 401
        assert answers[0][1]["code"] == "INVALID_CREDENTIALS"
