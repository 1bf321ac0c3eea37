"""A new password by mail, and another address, over the interface."""

from uuid import uuid4

import httpx
import pytest

from app.domain.identity.letters import AccountPage
from app.settings import Settings
from tests.api.conftest import Person
from tests.conftest import running
from tests.domain.identity.mailing import mailed
from tests.factories import PASSWORD, make_user
from tests.messages import Outbox

NEW_PASSWORD = "blue penguin umbrella"


async def log_in(client: httpx.AsyncClient, email: str, password: str) -> int:
    """The status."""
    return (await client.post("/api/v2/auth/login", json={"email": email, "password": password})).status_code


class TestReset:
    async def test_from_the_mail_to_the_login(self, client: httpx.AsyncClient, ann: Person, outbox: Outbox) -> None:
        assert (await client.post("/api/v2/auth/password/forgot", json={"email": ann.user.email})).status_code == 202
        body = {"token": await mailed(outbox, ann.user.email), "new_password": NEW_PASSWORD}
        response = await client.post("/api/v2/auth/password/reset", json=body)
        assert (response.status_code, response.content) == (204, b"")
        assert (await ann.http.get("/api/v2/me")).status_code == 401
        assert await log_in(client, ann.user.email, PASSWORD) == 401
        assert await log_in(client, ann.user.email, NEW_PASSWORD) == 200

    async def test_refusals(self, client: httpx.AsyncClient, ann: Person, outbox: Outbox) -> None:
        await client.post("/api/v2/auth/password/forgot", json={"email": ann.user.email})
        token = await mailed(outbox, ann.user.email)
        for body, status, code in (
            ({"token": "unknown", "new_password": NEW_PASSWORD}, 401, "INVALID_MAIL_TOKEN"),
            ({"token": token, "new_password": "short"}, 422, "VALIDATION_FAILED"),
            ({"token": token}, 422, "VALIDATION_FAILED"),
            ({"token": token, "new_password": NEW_PASSWORD, "email": "a@example.com"}, 422, "VALIDATION_FAILED"),
        ):
            response = await client.post("/api/v2/auth/password/reset", json=body)
            assert (response.status_code, response.json()["code"]) == (status, code)
            assert token not in response.text


class TestAddress:
    async def test_from_the_mail_to_the_login(self, client: httpx.AsyncClient, ann: Person, outbox: Outbox) -> None:
        email = f"{uuid4().hex}@example.com"
        assert (await ann.http.post("/api/v2/me/email", json={"email": email})).status_code == 202
        assert (await ann.http.get("/api/v2/me")).json()["email"] == ann.user.email
        response = await ann.http.post("/api/v2/me/email/verify", json={"token": await mailed(outbox, email)})
        assert (response.status_code, response.json()["email"]) == (200, email)
        seen = await ann.http.get("/api/v2/me")
        assert (seen.json(), seen.headers["etag"]) == (response.json(), response.headers["etag"])
        assert await log_in(client, email, PASSWORD) == 200
        assert await log_in(client, ann.user.email, PASSWORD) == 401

    async def test_it_is_not_anybodys_who_has_the_token(
        self, client: httpx.AsyncClient, ann: Person, bob: Person, outbox: Outbox
    ) -> None:
        email = f"{uuid4().hex}@example.com"
        await ann.http.post("/api/v2/me/email", json={"email": email})
        body = {"token": await mailed(outbox, email)}
        assert (await client.post("/api/v2/me/email/verify", json=body)).status_code == 401
        refused = await bob.http.post("/api/v2/me/email/verify", json=body)
        assert (refused.status_code, refused.json()["code"]) == (401, "INVALID_MAIL_TOKEN")


class TestLinks:
    async def test_they_never_come_from_what_the_client_sent(
        self, client: httpx.AsyncClient, ann: Person, outbox: Outbox
    ) -> None:
        headers = {
            "Host": "evil.example",
            "X-Forwarded-Host": "evil.example",
            "Forwarded": "host=evil.example",
            "Origin": "https://evil.example",
            "Referer": "https://evil.example/",
        }
        answer = await client.post("/api/v2/auth/password/forgot", json={"email": ann.user.email}, headers=headers)
        assert answer.status_code == 202
        assert "evil" not in (await outbox.last_to(ann.user.email)).text

    async def test_they_lead_to_the_pages_of_the_client(self, settings: Settings, outbox: Outbox) -> None:
        http = settings.http.model_copy(update={"account_pages_url": "https://app.example.com/account/"})
        async with running(settings.model_copy(update={"http": http})) as started:
            user = await make_user(started.services.database)
            transport = httpx.ASGITransport(started.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                await client.post("/api/v2/auth/password/forgot", json={"email": user.email})
        letter = await outbox.last_to(user.email)
        assert letter.link.startswith("https://app.example.com/account/reset-password#token=")

    @pytest.mark.parametrize("page", AccountPage)
    async def test_by_default_a_page_says_what_to_send(self, client: httpx.AsyncClient, page: AccountPage) -> None:
        response = await client.get(f"/docs/account/{page.value}")
        assert response.status_code == 200
        assert "POST /api/v2/" in response.text
        assert response.headers["referrer-policy"] == "no-referrer"

    async def test_there_is_no_other_page(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/docs/account/anything")).status_code == 404
