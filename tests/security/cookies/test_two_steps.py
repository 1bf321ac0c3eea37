"""Cookie mode of a login in two steps: only the second one gives cookies, and only to pages of ours."""

from typing import Any

import httpx
import pytest

from app.domain.second_factors.factor import Method
from app.domain.users.user import User
from tests.conftest import Running
from tests.factories import PASSWORD
from tests.factors_at_hand import enrol
from tests.security.cookies.browsers import CSRF, FROM_HERE, REFRESH, ROOTS, code_of, cookies_set, is_let_in


async def first_step(browser: httpx.AsyncClient, user: User, root: str) -> httpx.Response:
    body = {"email": user.email, "password": PASSWORD, "token_delivery": "cookie"}
    return await browser.post(f"{root}/auth/login", json=body, headers=FROM_HERE)


@pytest.fixture
async def recovery_code(secure: Running, user: User) -> str:
    """Of `user`, who has a second factor."""
    return (await enrol(secure.services, user, Method.MAIL))[0]


def second_step(challenge: httpx.Response, code: str) -> dict[str, Any]:
    proof = {"challenge": challenge.json()["challenge"], "method": "recovery_code", "code": code}
    return {**proof, "token_delivery": "cookie"}


@ROOTS
async def test_the_second_step_gives_the_cookies(
    browser: httpx.AsyncClient, user: User, root: str, recovery_code: str
) -> None:
    challenge = await first_step(browser, user, root)
    assert challenge.json()["mfa_required"] is True
    assert "set-cookie" not in challenge.headers
    body = second_step(challenge, recovery_code)
    response = await browser.post(f"{root}/auth/mfa/verify", json=body, headers=FROM_HERE)
    assert response.status_code == 200, response.text
    assert set(cookies_set(response)) == {REFRESH, CSRF}
    assert "refresh_token" not in response.json()
    assert await is_let_in(browser, response.json())


@ROOTS
async def test_a_foreign_page_gets_none_and_uses_nothing_up(
    browser: httpx.AsyncClient, user: User, root: str, recovery_code: str
) -> None:
    body = second_step(await first_step(browser, user, root), recovery_code)
    foreign = {"Origin": "https://evil.example"}
    response = await browser.post(f"{root}/auth/mfa/verify", json=body, headers=foreign)
    assert (response.status_code, code_of(response)) == (403, "ORIGIN_REFUSED")
    assert "set-cookie" not in response.headers
    assert (await browser.post(f"{root}/auth/mfa/verify", json=body, headers=FROM_HERE)).status_code == 200
