"""The login in two steps: the same in both versions, but for the shape of refusals."""

from typing import Any

import httpx
import pytest

from app.database.executor import Database
from app.domain.guesses.limit import MAXIMUM
from app.domain.second_factors import sending
from app.settings import Settings
from tests.api.conftest import Person, set_up_totp
from tests.api.v1.test_auth import bearer, code_of
from tests.authenticators import Clock, Enrolled, a_number
from tests.conftest import running
from tests.domain.second_factors.clocks import let_time_pass_since_sendings
from tests.factories import PASSWORD
from tests.messages import Outbox

ROOTS = pytest.mark.parametrize("root", ["/api/v1", "/api/v2"])


@pytest.fixture
async def enrolled(ann: Person, clock: Clock) -> Enrolled:
    return await set_up_totp(ann, clock)


async def challenge(client: httpx.AsyncClient, person: Person, root: str) -> dict[str, Any]:
    """What the first step answers."""
    response = await client.post(f"{root}/auth/login", json={"email": person.user.email, "password": PASSWORD})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    assert body["mfa_required"] is True
    return body


async def verify(
    client: httpx.AsyncClient, root: str, token: str, code: str, method: str = "totp", **headers: str
) -> httpx.Response:
    body = {"challenge": token, "method": method, "code": code}
    return await client.post(f"{root}/auth/mfa/verify", json=body, headers=headers)


@ROOTS
class TestFirstStep:
    async def test_it_gives_a_challenge_in_the_place_of_tokens(
        self, client: httpx.AsyncClient, ann: Person, enrolled: Enrolled, root: str
    ) -> None:
        body = await challenge(client, ann, root)
        assert body.keys() == {"mfa_required", "challenge", "expires_in", "methods"}
        assert (body["expires_in"], body["methods"]) == (300, ["totp", "recovery_code"])

    async def test_a_challenge_opens_nothing(
        self, client: httpx.AsyncClient, ann: Person, enrolled: Enrolled, root: str
    ) -> None:
        """Neither as an access token nor as a refresh token."""
        token = (await challenge(client, ann, root))["challenge"]
        response = await client.get("/api/v2/me", headers={"Authorization": f"Bearer {token}"})
        assert (response.status_code, code_of(response)) == (401, "INVALID_TOKEN")
        response = await client.post(f"{root}/auth/refresh", json={"refresh_token": token})
        assert (response.status_code, code_of(response)) == (401, "INVALID_REFRESH_TOKEN")

    async def test_no_token_is_a_challenge(
        self, client: httpx.AsyncClient, ann: Person, enrolled: Enrolled, root: str
    ) -> None:
        answer = await verify(
            client, root, (await challenge(client, ann, root))["challenge"], enrolled.telephone.next_code()
        )
        tokens = answer.json()
        for token in (tokens["access_token"][:256], tokens["refresh_token"]):
            refused = await verify(client, root, token, enrolled.telephone.next_code())
            assert (refused.status_code, code_of(refused)) == (401, "INVALID_CHALLENGE")


@ROOTS
class TestVerify:
    async def test_it_gives_tokens_that_let_in(
        self, client: httpx.AsyncClient, ann: Person, enrolled: Enrolled, root: str
    ) -> None:
        token = (await challenge(client, ann, root))["challenge"]
        response = await verify(client, root, token, enrolled.telephone.next_code())
        assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
        me = await client.get("/api/v2/me", headers=bearer(response.json()))
        assert me.json()["id"] == str(ann.user.id)

    async def test_a_wrong_code_is_a_401_and_after_five_a_429(
        self, client: httpx.AsyncClient, ann: Person, enrolled: Enrolled, root: str
    ) -> None:
        wrong = enrolled.telephone.wrong_code()
        tokens = [(await challenge(client, ann, root))["challenge"] for _ in range(MAXIMUM + 1)]
        for token in tokens[1:]:
            response = await verify(client, root, token, wrong)
            assert (response.status_code, code_of(response)) == (401, "WRONG_CODE")
            assert response.headers["www-authenticate"] == 'Bearer realm="todo"'
        response = await verify(client, root, tokens[0], enrolled.telephone.next_code())
        assert (response.status_code, code_of(response)) == (429, "TOO_MANY_ATTEMPTS")
        assert 0 < int(response.headers["retry-after"]) <= 900

    async def test_a_recovery_code_is_good_once(
        self, client: httpx.AsyncClient, ann: Person, enrolled: Enrolled, root: str
    ) -> None:
        outcomes = []
        for _ in range(2):
            token = (await challenge(client, ann, root))["challenge"]
            response = await verify(client, root, token, enrolled.recovery_codes[0], "recovery_code")
            outcomes.append(response.status_code)
        assert outcomes == [200, 401]

    async def test_another_program_cannot_finish(
        self, client: httpx.AsyncClient, ann: Person, enrolled: Enrolled, root: str
    ) -> None:
        token = (await challenge(client, ann, root))["challenge"]
        stolen = {"User-Agent": "stolen/1.0"}
        response = await verify(client, root, token, enrolled.telephone.next_code(), **stolen)
        assert (response.status_code, code_of(response)) == (401, "INVALID_CHALLENGE")

    async def test_another_worker_can(
        self, client: httpx.AsyncClient, settings: Settings, ann: Person, enrolled: Enrolled, root: str
    ) -> None:
        token = (await challenge(client, ann, root))["challenge"]
        async with running(settings) as other:
            transport = httpx.ASGITransport(other.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=settings.http.base_url) as there:
                assert (await verify(there, root, token, enrolled.telephone.next_code())).status_code == 200
        assert (await verify(client, root, token, enrolled.telephone.next_code())).status_code == 401

    @pytest.mark.parametrize("change", [{"method": "fax"}, {"code": "1"}, {"challenge": ""}, {"user_id": "x"}])
    async def test_what_is_malformed_is_a_422(
        self, client: httpx.AsyncClient, root: str, change: dict[str, str]
    ) -> None:
        body = {"challenge": "x" * 43, "method": "totp", "code": "123456", **change}
        assert (await client.post(f"{root}/auth/mfa/verify", json=body)).status_code == 422


@ROOTS
class TestSend:
    async def test_a_code_by_sms_logs_in(
        self, client: httpx.AsyncClient, ann: Person, clock: Clock, outbox: Outbox, database: Database, root: str
    ) -> None:
        number = a_number()
        await ann.http.post("/api/v2/me/mfa/sms", json={"password": PASSWORD, "phone_number": number})
        code = (await outbox.last_to(number)).code
        assert (await ann.http.post("/api/v2/me/mfa/sms/confirm", json={"code": code})).status_code == 200
        await let_time_pass_since_sendings(database, sending.PAUSE)

        token = (await challenge(client, ann, root))["challenge"]
        body = {"challenge": token, "method": "sms"}
        response = await client.post(f"{root}/auth/mfa/send", json=body)
        assert (response.status_code, response.json()) == (202, {"expires_in": 600, "resend_after": 30})
        again = await client.post(f"{root}/auth/mfa/send", json=body)
        assert again.status_code == 429
        assert 0 < int(again.headers["retry-after"]) <= 30
        code = (await outbox.last_to(number)).code
        assert (await verify(client, root, token, code, "sms")).status_code == 200

    async def test_a_method_that_is_not_ones_own_is_a_422(
        self, client: httpx.AsyncClient, ann: Person, enrolled: Enrolled, root: str
    ) -> None:
        token = (await challenge(client, ann, root))["challenge"]
        response = await client.post(f"{root}/auth/mfa/send", json={"challenge": token, "method": "sms"})
        assert response.status_code == 422

    async def test_without_a_challenge_it_is_a_401(self, client: httpx.AsyncClient, root: str) -> None:
        response = await client.post(f"{root}/auth/mfa/send", json={"challenge": "x" * 43, "method": "mail"})
        assert (response.status_code, code_of(response)) == (401, "INVALID_CHALLENGE")
