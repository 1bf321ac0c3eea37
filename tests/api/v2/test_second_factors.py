"""Your second factors over HTTP, and the factors of others."""

from typing import Any

import httpx
import pytest

from app.database.executor import Database
from app.domain.guesses.limit import MAXIMUM
from app.domain.ids import SessionId
from tests.api.conftest import NewPerson, Person, set_up_totp
from tests.authenticators import Clock, Telephone, a_number
from tests.domain.identity.clocks import let_proof_age
from tests.factories import PASSWORD
from tests.messages import Outbox

MFA = "/api/v2/me/mfa"


async def age(database: Database, person: Person) -> None:
    """The person's one session was proved too long ago."""
    (session,) = (await person.http.get("/api/v2/me/sessions")).json()["items"]
    await let_proof_age(database, SessionId(session["id"]))


def must_step_up(response: httpx.Response) -> None:
    assert (response.status_code, response.json()["code"]) == (401, "STEP_UP_REQUIRED")
    assert 'error="insufficient_user_authentication", max_age="600"' in response.headers["www-authenticate"]


class TestGet:
    async def test_at_first_there_are_none(self, ann: Person) -> None:
        response = await ann.http.get(MFA)
        body: dict[str, Any] = response.json()
        assert (body["factors"], body["recovery_codes_left"]) == ([], 0)
        assert body["links"]["totp"] == f"{MFA}/totp"
        assert response.headers["cache-control"] == "no-store"

    async def test_it_shows_nothing_secret(self, ann: Person, clock: Clock, outbox: Outbox) -> None:
        enrolled = await set_up_totp(ann, clock)
        number = a_number()
        await ann.http.post(f"{MFA}/sms", json={"password": PASSWORD, "phone_number": number})
        await ann.http.post(f"{MFA}/sms/confirm", json={"code": (await outbox.last_to(number)).code})
        response = await ann.http.get(MFA)
        factors = response.json()["factors"]
        assert [(factor["method"], factor["to"]) for factor in factors] == [
            ("totp", None),
            ("sms", f"{number[:3]}{'•' * (len(number) - 5)}{number[-2:]}"),
        ]
        assert response.json()["recovery_codes_left"] == 10
        for secret in (enrolled.telephone.secret, number, *enrolled.recovery_codes):
            assert secret not in response.text

    async def test_the_account_and_the_entry_point_link_to_it(self, ann: Person) -> None:
        for path in ("/api/v2/me", "/api/v2"):
            assert (await ann.http.get(path)).json()["links"]["mfa"] == MFA


class TestTotp:
    async def test_it_is_set_up_with_a_link_and_a_picture(self, ann: Person, clock: Clock) -> None:
        response = await ann.http.post(f"{MFA}/totp", json={"password": PASSWORD})
        made = response.json()
        assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
        assert made["otpauth_uri"].startswith("otpauth://totp/Todo%20service:")
        assert made["secret"] in made["otpauth_uri"]
        assert made["qr_svg"].startswith('<svg xmlns="http://www.w3.org/2000/svg"')
        code = Telephone(made["secret"], clock).code()
        confirmed = await ann.http.post(f"{MFA}/totp/confirm", json={"code": code})
        assert confirmed.status_code == 200
        assert len(confirmed.json()["recovery_codes"]) == 10
        assert confirmed.json()["factor"]["method"] == "totp"

    async def test_it_takes_the_password_and_a_valid_code(self, ann: Person, clock: Clock) -> None:
        refused = await ann.http.post(f"{MFA}/totp", json={"password": "wrong"})
        assert (refused.status_code, refused.json()["code"]) == (401, "WRONG_PASSWORD")
        made = (await ann.http.post(f"{MFA}/totp", json={"password": PASSWORD})).json()
        wrong = Telephone(made["secret"], clock).wrong_code()
        answers = [await ann.http.post(f"{MFA}/totp/confirm", json={"code": wrong}) for _ in range(MAXIMUM + 1)]
        assert [answer.status_code for answer in answers] == [401] * MAXIMUM + [429]
        assert (await ann.http.get(MFA)).json()["factors"] == []

    async def test_nothing_is_confirmed_that_was_not_begun(self, ann: Person) -> None:
        for method in ("totp", "sms", "mail"):
            response = await ann.http.post(f"{MFA}/{method}/confirm", json={"code": "123456"})
            assert response.status_code == 404

    @pytest.mark.parametrize("code", ["12345", "1234567", "12345a", "１２３４５６", "123456\n", ""])
    async def test_what_is_no_code_is_a_422(self, ann: Person, code: str) -> None:
        assert (await ann.http.post(f"{MFA}/totp/confirm", json={"code": code})).status_code == 422


class TestFreshness:
    """Whoever finds an open session can neither add a factor nor take one away."""

    async def test_everything_that_changes_takes_a_fresh_session(
        self, ann: Person, clock: Clock, database: Database
    ) -> None:
        await set_up_totp(ann, clock)
        await age(database, ann)
        must_step_up(await ann.http.post(f"{MFA}/totp", json={"password": PASSWORD}))
        must_step_up(await ann.http.post(f"{MFA}/mail", json={"password": PASSWORD}))
        body = {"password": PASSWORD, "phone_number": a_number()}
        must_step_up(await ann.http.post(f"{MFA}/sms", json=body))
        must_step_up(await ann.http.post(f"{MFA}/totp/confirm", json={"code": "123456"}))
        must_step_up(await ann.http.post(f"{MFA}/recovery-codes"))
        must_step_up(await ann.http.delete(f"{MFA}/totp"))
        change = {"current_password": PASSWORD, "new_password": "blue penguin umbrella"}
        must_step_up(await ann.http.post("/api/v2/auth/password/change", json=change))

    async def test_the_password_is_no_longer_enough_to_step_up(
        self, ann: Person, clock: Clock, database: Database
    ) -> None:
        enrolled = await set_up_totp(ann, clock)
        await age(database, ann)
        refused = await ann.http.post("/api/v2/auth/step-up", json={"password": PASSWORD})
        assert (refused.status_code, refused.json()["code"]) == (401, "SECOND_FACTOR_REQUIRED")
        proof = {"method": "totp", "code": enrolled.telephone.next_code()}
        assert (await ann.http.post("/api/v2/auth/step-up", json=proof)).status_code == 200
        assert (await ann.http.delete(f"{MFA}/totp")).status_code == 204

    async def test_a_code_can_be_sent_for_a_step_up(self, ann: Person, outbox: Outbox, database: Database) -> None:
        await ann.http.post(f"{MFA}/mail", json={"password": PASSWORD})
        code = (await outbox.last_to(ann.user.email)).code
        assert (await ann.http.post(f"{MFA}/mail/confirm", json={"code": code})).status_code == 200
        assert (await ann.http.post(f"{MFA}/mail/send")).status_code == 429
        assert (await ann.http.post(f"{MFA}/sms/send")).status_code == 404
        assert (await ann.http.post(f"{MFA}/totp/send")).status_code == 422

    @pytest.mark.parametrize(
        "body",
        [{"password": PASSWORD, "code": "123456", "method": "totp"}, {"code": "123456"}, {"method": "totp"}, {}],
    )
    async def test_a_step_up_takes_one_proof(self, ann: Person, body: dict[str, str]) -> None:
        assert (await ann.http.post("/api/v2/auth/step-up", json=body)).status_code == 422


class TestRecoveryCodes:
    async def test_new_ones_are_shown_once(self, ann: Person, clock: Clock) -> None:
        await set_up_totp(ann, clock)
        response = await ann.http.post(f"{MFA}/recovery-codes")
        assert (response.status_code, len(set(response.json()["recovery_codes"]))) == (200, 10)

    async def test_without_a_factor_it_is_a_409(self, ann: Person) -> None:
        response = await ann.http.post(f"{MFA}/recovery-codes")
        assert (response.status_code, response.json()["code"]) == (409, "NO_SECOND_FACTOR")


class TestOthers:
    async def test_an_administrator_takes_them_away(
        self, ann: Person, new_person: NewPerson, clock: Clock, client: httpx.AsyncClient
    ) -> None:
        await set_up_totp(ann, clock)
        boss = await new_person(roles=("admin",))
        assert (await boss.http.delete(f"/api/v2/users/{ann.user.id}/mfa")).status_code == 204
        assert (await ann.http.get(MFA)).status_code == 401
        body = {"email": ann.user.email, "password": PASSWORD}
        assert "access_token" in (await client.post("/api/v2/auth/login", json=body)).json()
        again = await boss.http.delete(f"/api/v2/users/{ann.user.id}/mfa")
        assert (again.status_code, again.json()["code"]) == (409, "NO_SECOND_FACTOR")

    async def test_for_others_the_user_does_not_exist(self, ann: Person, bob: Person, clock: Clock) -> None:
        await set_up_totp(ann, clock)
        assert (await bob.http.delete(f"/api/v2/users/{ann.user.id}/mfa")).status_code == 404
        assert (await ann.http.delete(f"/api/v2/users/{ann.user.id}/mfa")).status_code == 403
