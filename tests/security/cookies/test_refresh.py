"""Cookie mode: no other site can make a browser use the refresh token that it keeps."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from app.database.executor import Database
from app.domain.users.user import User
from tests.domain.identity.clocks import let_time_pass_since_use
from tests.factories import make_user
from tests.security.cookies.browsers import (
    CSRF,
    FROM_HERE,
    HERE,
    LISTED,
    LOOK_ALIKES,
    REFRESH,
    ROOTS,
    code_of,
    cookies_set,
    is_let_in,
    log_in,
    refresh,
)


@ROOTS
class TestRefresh:
    async def test_a_page_of_ours_gets_the_next_tokens(self, browser: httpx.AsyncClient, user: User, root: str) -> None:
        tokens = await log_in(browser, user, root=root)
        old = browser.cookies[REFRESH]
        response = await refresh(browser, tokens, root=root)
        assert response.status_code == 200
        assert "refresh_token" not in response.json()
        assert browser.cookies[REFRESH] != old
        assert browser.cookies[REFRESH] not in response.text
        assert await is_let_in(browser, response.json())
        assert (await refresh(browser, response.json(), root=root)).status_code == 200

    async def test_a_listed_origin_is_a_page_of_ours(self, browser: httpx.AsyncClient, user: User, root: str) -> None:
        tokens = await log_in(browser, user, root=root, origin=LISTED)
        response = await refresh(browser, tokens, root=root, Origin=LISTED)
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == LISTED
        assert response.headers["access-control-allow-credentials"] == "true"

    @pytest.mark.parametrize("origin", LOOK_ALIKES)
    async def test_any_other_origin_is_refused(
        self, browser: httpx.AsyncClient, user: User, root: str, origin: str
    ) -> None:
        tokens = await log_in(browser, user)
        headers = [(b"Origin", origin.encode()), (b"X-CSRF-Token", tokens["csrf_token"].encode())]
        # What a browser says of the site does not outweigh an origin.
        for site in (b"same-origin", b"cross-site", b"none"):
            sent = [*headers, (b"Sec-Fetch-Site", site)]
            response = await browser.post(f"{root}/auth/refresh", json={}, headers=sent)
            assert (response.status_code, code_of(response)) == (403, "ORIGIN_REFUSED")
            assert "access-control-allow-credentials" not in response.headers
        assert (await refresh(browser, tokens)).status_code == 200

    async def test_two_origins_are_none(self, browser: httpx.AsyncClient, user: User, root: str) -> None:
        tokens = await log_in(browser, user)
        headers = [("Origin", HERE), ("Origin", HERE), ("X-CSRF-Token", tokens["csrf_token"])]
        assert (await browser.post(f"{root}/auth/refresh", json={}, headers=headers)).status_code == 403

    async def test_without_an_origin_the_site_must_be_the_same(
        self, browser: httpx.AsyncClient, user: User, root: str
    ) -> None:
        tokens = await log_in(browser, user)
        for site in ("", "none", "cross-site", "same-site", "Same-Origin"):
            response = await refresh(browser, tokens, root=root, Origin="", Sec_Fetch_Site=site)
            assert (response.status_code, code_of(response)) == (403, "ORIGIN_REFUSED")
        assert (await refresh(browser, tokens, root=root, Origin="", Sec_Fetch_Site="same-origin")).status_code == 200

    async def test_the_token_must_be_that_of_the_session(
        self, browser: httpx.AsyncClient, user: User, database: Database, root: str
    ) -> None:
        foreign = (await log_in(browser, await make_user(database)))["csrf_token"]
        older = (await log_in(browser, user))["csrf_token"]
        tokens = await log_in(browser, user)
        right = tokens["csrf_token"]
        for wrong in ("", "x", foreign, older, right[:-1], right + "=", right.swapcase(), tokens["access_token"]):
            response = await refresh(browser, tokens, root=root, X_CSRF_Token=wrong)
            assert (response.status_code, code_of(response)) == (403, "CSRF_TOKEN_INVALID"), wrong
        assert (await refresh(browser, tokens, root=root)).status_code == 200

    async def test_the_cookie_beside_it_must_be_of_the_session_as_well(
        self, browser: httpx.AsyncClient, user: User, root: str
    ) -> None:
        tokens = await log_in(browser, user)
        headers = {**FROM_HERE, "X-CSRF-Token": tokens["csrf_token"]}
        token = browser.cookies[REFRESH]
        browser.cookies.clear()
        for beside in ("", f"; {CSRF}=", f"; {CSRF}=x", f"; todo_csrf={tokens['csrf_token']}"):
            sent = {**headers, "Cookie": f"{REFRESH}={token}{beside}"}
            response = await browser.post(f"{root}/auth/refresh", json={}, headers=sent)
            assert (response.status_code, code_of(response)) == (403, "CSRF_TOKEN_INVALID"), beside

    async def test_a_pair_of_another_session_is_no_proof(
        self, browser: httpx.AsyncClient, user: User, root: str
    ) -> None:
        """Whoever could plant a cookie would plant one that fits their header: that both are equal says nothing."""
        other, tokens = await log_in(browser, user), await log_in(browser, user)
        token = browser.cookies[REFRESH]
        browser.cookies.clear()
        for value in (other["csrf_token"], "x"):
            cookie = f"{REFRESH}={token}; {CSRF}={value}"
            response = await refresh(browser, tokens, root=root, Cookie=cookie, X_CSRF_Token=value)
            assert (response.status_code, code_of(response)) == (403, "CSRF_TOKEN_INVALID")

    async def test_a_refusal_uses_nothing_up(self, browser: httpx.AsyncClient, user: User, root: str) -> None:
        tokens = await log_in(browser, user)
        old = browser.cookies[REFRESH]
        response = await refresh(browser, tokens, root=root, X_CSRF_Token="x")
        assert "set-cookie" not in response.headers
        assert browser.cookies[REFRESH] == old
        assert (await refresh(browser, tokens, root=root)).status_code == 200

    async def test_a_cookie_and_a_body_are_too_much(self, browser: httpx.AsyncClient, user: User, root: str) -> None:
        tokens = await log_in(browser, user)
        headers = {**FROM_HERE, "X-CSRF-Token": tokens["csrf_token"]}
        body = {"refresh_token": browser.cookies[REFRESH]}
        response = await browser.post(f"{root}/auth/refresh", json=body, headers=headers)
        assert (response.status_code, code_of(response)) == (400, "TWO_TOKENS")

    async def test_neither_is_too_little(self, browser: httpx.AsyncClient, root: str) -> None:
        response = await browser.post(f"{root}/auth/refresh", json={}, headers=FROM_HERE)
        assert response.status_code == 422
        assert "refresh_token" in response.text

    async def test_twenty_at_once_log_nobody_out(self, browser: httpx.AsyncClient, user: User, root: str) -> None:
        tokens = await log_in(browser, user)
        answers = await asyncio.gather(*(refresh(browser, tokens, root=root) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({cookies_set(answer)[REFRESH].value for answer in answers}) == 1

    async def test_a_cookie_that_was_replaced_longer_ago_ends_the_session(
        self, browser: httpx.AsyncClient, user: User, database: Database, root: str
    ) -> None:
        tokens = await log_in(browser, user)
        stolen = browser.cookies[REFRESH]
        newer = (await refresh(browser, tokens)).json()
        await let_time_pass_since_use(database, stolen, timedelta(seconds=11))
        browser.cookies.clear()
        cookie = f"{REFRESH}={stolen}; {CSRF}={tokens['csrf_token']}"
        response = await refresh(browser, tokens, root=root, Cookie=cookie)
        assert (response.status_code, code_of(response)) == (401, "REFRESH_TOKEN_REUSED")
        assert not await is_let_in(browser, newer)
