"""Cookie mode: the refresh token is kept where no script reads it, and forgotten at logout."""

import httpx
import pytest

from app.domain.users.user import User
from tests.factories import PASSWORD
from tests.security.cookies.browsers import (
    CSRF,
    FROM_HERE,
    HERE,
    LOOK_ALIKES,
    REFRESH,
    ROOTS,
    code_of,
    cookies_set,
    is_let_in,
    log_in,
)


@ROOTS
class TestLogin:
    async def test_the_refresh_token_is_in_its_cookie_only(
        self, browser: httpx.AsyncClient, user: User, root: str
    ) -> None:
        body = {"email": user.email, "password": PASSWORD, "token_delivery": "cookie"}
        response = await browser.post(f"{root}/auth/login", json=body, headers=FROM_HERE)
        assert set(response.json()) == {"access_token", "token_type", "expires_in", "csrf_token", "refresh_expires_in"}
        kept = cookies_set(response)
        assert set(kept) == {REFRESH, CSRF}
        assert kept[REFRESH].value not in response.text
        assert kept[CSRF].value == response.json()["csrf_token"]
        for name, is_hidden in ((REFRESH, True), (CSRF, False)):
            attributes = {key: value for key, value in kept[name].items() if value}
            wanted = {"path": "/", "secure": True, "samesite": "Strict", "max-age": str(14 * 24 * 3600)}
            assert attributes == wanted | ({"httponly": True} if is_hidden else {})

    async def test_nobody_gets_cookies_who_does_not_ask(
        self, browser: httpx.AsyncClient, user: User, root: str
    ) -> None:
        for more in ({}, {"token_delivery": "body"}):
            body = {"email": user.email, "password": PASSWORD, **more}
            response = await browser.post(f"{root}/auth/login", json=body)
            assert "refresh_token" in response.json()
            assert "set-cookie" not in response.headers

    @pytest.mark.parametrize("origin", [*LOOK_ALIKES, None])
    async def test_a_foreign_page_cannot_log_its_visitors_in(
        self, browser: httpx.AsyncClient, user: User, root: str, origin: str | None
    ) -> None:
        """Login CSRF: they would work in the attacker's account without noticing."""
        body = {"email": user.email, "password": PASSWORD, "token_delivery": "cookie"}
        headers = [] if origin is None else [(b"Origin", origin.encode())]
        response = await browser.post(f"{root}/auth/login", json=body, headers=headers)
        assert (response.status_code, code_of(response)) == (403, "ORIGIN_REFUSED")
        assert "set-cookie" not in response.headers

    async def test_a_form_of_another_site_is_not_even_read(
        self, browser: httpx.AsyncClient, user: User, root: str
    ) -> None:
        """Without a preflight a browser sends three media types, and none of them is JSON."""
        for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            content = b'{"email": "a@example.com", "password": "x", "token_delivery": "cookie"}'
            response = await browser.post(
                f"{root}/auth/login", content=content, headers={"Content-Type": media_type, "Origin": HERE}
            )
            assert response.status_code == 415


@ROOTS
class TestLogout:
    async def test_the_cookie_is_enough_and_goes_away(self, browser: httpx.AsyncClient, user: User, root: str) -> None:
        tokens = await log_in(browser, user)
        headers = {**FROM_HERE, "X-CSRF-Token": tokens["csrf_token"]}
        response = await browser.post(f"{root}/auth/logout", headers=headers)
        assert (response.status_code, response.content) == (204, b"")
        assert {name: cookie["max-age"] for name, cookie in cookies_set(response).items()} == {REFRESH: "0", CSRF: "0"}
        assert not browser.cookies
        assert not await is_let_in(browser, tokens)

    async def test_a_foreign_page_cannot_log_out(self, browser: httpx.AsyncClient, user: User, root: str) -> None:
        tokens = await log_in(browser, user)
        right = {**FROM_HERE, "X-CSRF-Token": tokens["csrf_token"]}
        for wrong, code in (
            ({"Origin": "https://evil.example"}, "ORIGIN_REFUSED"),
            ({"Origin": "null"}, "ORIGIN_REFUSED"),
            ({"X-CSRF-Token": "x"}, "CSRF_TOKEN_INVALID"),
        ):
            response = await browser.post(f"{root}/auth/logout", headers={**right, **wrong})
            assert (response.status_code, code_of(response)) == (403, code)
        assert await is_let_in(browser, tokens)

    async def test_with_an_access_token_it_needs_no_other_proof(
        self, browser: httpx.AsyncClient, user: User, root: str
    ) -> None:
        """No other site can send that."""
        for path in ("logout", "logout-all"):
            tokens = await log_in(browser, user)
            headers = {"Authorization": f"Bearer {tokens['access_token']}"}
            response = await browser.post(f"{root}/auth/{path}", headers=headers)
            assert response.status_code == 204
            assert not browser.cookies

    async def test_a_bad_access_token_is_not_mended_by_a_cookie(
        self, browser: httpx.AsyncClient, user: User, root: str
    ) -> None:
        tokens = await log_in(browser, user)
        headers = {**FROM_HERE, "X-CSRF-Token": tokens["csrf_token"], "Authorization": "Bearer x"}
        response = await browser.post(f"{root}/auth/logout", headers=headers)
        assert (response.status_code, code_of(response)) == (401, "INVALID_TOKEN")

    async def test_without_either_it_is_401(self, browser: httpx.AsyncClient, root: str) -> None:
        response = await browser.post(f"{root}/auth/logout", headers=FROM_HERE)
        assert (response.status_code, code_of(response)) == (401, "NOT_AUTHENTICATED")
