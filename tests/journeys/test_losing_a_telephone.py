"""Somebody protects their account, loses the telephone, comes back in with a recovery code, and sets up another."""

from typing import Any

import httpx

from tests.authenticators import Clock, Telephone
from tests.domain.identity.mailing import mailed
from tests.messages import Outbox

PASSWORD = "a phrase that nobody else has"
MFA = "/api/v2/me/mfa"


async def first_step(client: httpx.AsyncClient, email: str, password: str = PASSWORD) -> dict[str, Any]:
    response = await client.post("/api/v2/auth/login", json={"email": email, "password": password})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def second_step(client: httpx.AsyncClient, challenge: str, method: str, code: str) -> httpx.Response:
    body = {"challenge": challenge, "method": method, "code": code}
    return await client.post("/api/v2/auth/mfa/verify", json=body)


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def test_losing_a_telephone(client: httpx.AsyncClient, clock: Clock, outbox: Outbox) -> None:
    email = f"ann-{id(client)}@journey.example"
    account = {"email": email, "name": "Ann", "password": PASSWORD}
    assert (await client.post("/api/v2/auth/register", json=account)).status_code == 202
    confirmation = {"token": await mailed(outbox, email), "password": PASSWORD}
    assert (await client.post("/api/v2/auth/email/verify", json=confirmation)).status_code == 201
    ann = bearer(await first_step(client, email))

    # She sets an authenticator up, with the password and a code, and prints the recovery codes.
    made = (await client.post(f"{MFA}/totp", json={"password": PASSWORD}, headers=ann)).json()
    telephone = Telephone(made["secret"], clock)
    confirmed = await client.post(f"{MFA}/totp/confirm", json={"code": telephone.code()}, headers=ann)
    assert confirmed.status_code == 200, confirmed.text
    printed = confirmed.json()["recovery_codes"]

    # From now on a login takes two steps, in version 1 as well.
    clock.pass_steps()
    challenge = await first_step(client, email)
    assert challenge["methods"] == ["totp", "recovery_code"]
    tokens = await second_step(client, challenge["challenge"], "totp", telephone.code())
    assert tokens.status_code == 200
    older = await client.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})
    assert older.json()["mfa_required"] is True

    # The telephone is gone. A recovery code lets her in, once, and she is told by mail.
    challenge = await first_step(client, email)
    recovered = await second_step(client, challenge["challenge"], "recovery_code", printed[0].upper())
    assert recovered.status_code == 200, recovered.text
    assert (await outbox.last_to(email)).kind == "recovery_code_used"
    ann = bearer(recovered.json())
    challenge = await first_step(client, email)
    assert (await second_step(client, challenge["challenge"], "recovery_code", printed[0])).status_code == 401

    # That login is fresh proof, so she sets the new telephone up at once; the lost one is worth nothing.
    made = (await client.post(f"{MFA}/totp", json={"password": PASSWORD}, headers=ann)).json()
    found = Telephone(made["secret"], clock)
    assert (await client.post(f"{MFA}/totp/confirm", json={"code": found.code()}, headers=ann)).status_code == 200
    clock.pass_steps(2)
    challenge = await first_step(client, email)
    assert (await second_step(client, challenge["challenge"], "totp", telephone.code())).status_code == 401
    assert (await second_step(client, challenge["challenge"], "totp", found.code())).status_code == 200
    mine = (await client.get(MFA, headers=ann)).json()
    assert ([factor["method"] for factor in mine["factors"]], mine["recovery_codes_left"]) == (["totp"], 9)

    # New recovery codes, a shorter password, which only a second factor allows, and the way back from both.
    fresh = (await client.post(f"{MFA}/recovery-codes", headers=ann)).json()["recovery_codes"]
    assert not set(fresh) & set(printed)
    change = {"current_password": PASSWORD, "new_password": "wet otter"}
    assert (await client.post("/api/v2/auth/password/change", json=change, headers=ann)).status_code == 204
    refused = await client.delete(f"{MFA}/totp", headers=ann)
    assert (refused.status_code, refused.json()["code"]) == (409, "PASSWORD_NEEDS_FACTOR")
    change = {"current_password": "wet otter", "new_password": PASSWORD}
    assert (await client.post("/api/v2/auth/password/change", json=change, headers=ann)).status_code == 204
    assert (await client.delete(f"{MFA}/totp", headers=ann)).status_code == 204
    assert "access_token" in await first_step(client, email)
