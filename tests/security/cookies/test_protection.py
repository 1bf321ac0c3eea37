"""Cookie mode: planted cookies, other routes, origins that are allowed, and the switch."""

import httpx
import pytest

from app.api.csrf import CsrfGuard, origin_of
from app.database.executor import Database
from app.domain.ids import SessionId, uuid7
from app.domain.users.user import User
from app.settings import Settings, SettingsError, load_settings
from tests.conftest import Running, running
from tests.factories import bearer, open_session
from tests.security.cookies.browsers import (
    CSRF,
    FROM_HERE,
    HERE,
    LISTED,
    LOOK_ALIKES,
    REFRESH,
    code_of,
    log_in,
    refresh,
)


class TestCookieTossing:
    """Who controls a neighbouring host can plant cookies, but none whose name begins with `__Host-`."""

    @pytest.mark.parametrize(
        "name", ["todo_refresh", "__Secure-todo_refresh", "__host-todo_refresh", "__Host-todo_refresh "]
    )
    async def test_a_name_that_browsers_do_not_protect_is_no_cookie_of_ours(
        self, browser: httpx.AsyncClient, user: User, name: str
    ) -> None:
        tokens = await log_in(browser, user)
        token = browser.cookies[REFRESH]
        browser.cookies.clear()
        cookie = f"{name}={token}; {CSRF}={tokens['csrf_token']}"
        response = await refresh(browser, tokens, Cookie=cookie)
        assert response.status_code == 422

    async def test_of_two_none_is_chosen(self, browser: httpx.AsyncClient, user: User) -> None:
        tokens = await log_in(browser, user)
        token = browser.cookies[REFRESH]
        browser.cookies.clear()
        for twice in (f"{REFRESH}=planted; {REFRESH}={token}", f"{REFRESH}={token}; {REFRESH}=planted"):
            response = await refresh(browser, tokens, Cookie=f"{twice}; {CSRF}={tokens['csrf_token']}")
            assert (response.status_code, code_of(response)) == (400, "REPEATED_COOKIE")
        planted = f"{REFRESH}={token}; {CSRF}=planted; {CSRF}={tokens['csrf_token']}"
        assert (await refresh(browser, tokens, Cookie=planted)).status_code == 400

    @pytest.mark.parametrize("value", ["", "unknown", '"quoted"', "a b", "x" * 300, "%00", "\xe9", "A" * 43])
    async def test_what_was_never_made_here_is_refused(self, browser: httpx.AsyncClient, value: str) -> None:
        headers = [(b"Cookie", f"{REFRESH}={value}".encode("latin-1")), (b"Origin", HERE.encode())]
        response = await browser.post("/api/v2/auth/refresh", json={}, headers=headers)
        assert (response.status_code, code_of(response)) == (401, "INVALID_REFRESH_TOKEN")


class TestOtherRoutes:
    async def test_a_cookie_opens_none_of_them(self, browser: httpx.AsyncClient, user: User) -> None:
        tokens = await log_in(browser, user)
        headers = {**FROM_HERE, "X-CSRF-Token": tokens["csrf_token"]}
        for method, path in (("GET", "/api/v2/me"), ("POST", "/api/v2/todos"), ("POST", "/api/v2/auth/logout-all")):
            assert (await browser.request(method, path, json={}, headers=headers)).status_code == 401

    async def test_without_cookies_nothing_has_changed(
        self, browser: httpx.AsyncClient, secure: Running, database: Database, user: User
    ) -> None:
        tokens = await open_session(database, secure.services.authority, user)
        response = await browser.post(
            "/api/v2/auth/refresh",
            json={"refresh_token": tokens.refresh_token},
            headers={"Origin": "https://evil.example"},
        )
        assert response.status_code == 200
        assert "set-cookie" not in response.headers
        assert (await browser.post("/api/v2/auth/logout", headers=bearer(tokens))).status_code == 204


class TestCors:
    async def test_a_preflight_of_a_listed_origin_may_send_cookies(self, browser: httpx.AsyncClient) -> None:
        asked = {
            "Origin": LISTED,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type, x-csrf-token",
        }
        response = await browser.options("/api/v2/auth/refresh", headers=asked)
        assert response.status_code == 200
        assert response.headers["access-control-allow-credentials"] == "true"
        assert response.headers["access-control-allow-origin"] == LISTED

    @pytest.mark.parametrize("origin", [*(each for each in LOOK_ALIKES if each.isascii()), HERE])
    async def test_no_other_may(self, browser: httpx.AsyncClient, origin: str) -> None:
        preflight = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        for response in (
            await browser.options("/api/v2/auth/refresh", headers=preflight),
            await browser.get("/api/v2", headers={"Origin": origin}),
        ):
            assert "access-control-allow-credentials" not in response.headers
            assert "access-control-allow-origin" not in response.headers

    async def test_the_wildcard_never_may(self, browser_settings: Settings) -> None:
        http = browser_settings.http.model_copy(update={"cors_origins": ["*"]})
        async with running(browser_settings.model_copy(update={"http": http})) as started:
            transport = httpx.ASGITransport(started.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
                preflight = {"Origin": LISTED, "Access-Control-Request-Method": "POST"}
                answers = [
                    await client.options("/api/v2/auth/refresh", headers=preflight),
                    await client.get("/api/v2", headers={"Origin": LISTED, "Cookie": "a=b"}),
                ]
                for answer in answers:
                    assert answer.headers["access-control-allow-origin"] == "*"
                    assert "access-control-allow-credentials" not in answer.headers
                body = {"email": "a@example.com", "password": "x", "token_delivery": "cookie"}
                for origin in (LISTED, "*"):
                    refused = await client.post("/api/v2/auth/login", json=body, headers={"Origin": origin})
                    assert refused.status_code == 403


class TestSettings:
    def test_production_refuses_to_do_without_protection(self) -> None:
        with pytest.raises(SettingsError, match="ENABLE_CSRF_PROTECTION: production refuses"):
            load_settings(ENVIRONMENT="production", ENABLE_CSRF_PROTECTION="false")

    async def test_switched_off_cookies_are_taken_from_anywhere(self, browser_settings: Settings, user: User) -> None:
        """For development behind tools that send no origin."""
        security = browser_settings.security.model_copy(update={"csrf_protection": False})
        async with running(browser_settings.model_copy(update={"security": security})) as started:
            transport = httpx.ASGITransport(started.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
                await log_in(client, user, origin="https://anywhere.example")
                assert (await client.post("/api/v2/auth/refresh", json={})).status_code == 200

    def test_a_token_survives_a_change_of_keys(self, browser_settings: Settings) -> None:
        old, new = "o" * 40, "n" * 40
        session_id = SessionId(uuid7())

        def guard(**keys: str) -> CsrfGuard:
            return CsrfGuard(load_settings(**keys))

        token = guard(SECRET_KEY=old).token(session_id)
        assert guard(SECRET_KEY=new, PREVIOUS_SECRET_KEYS=old)._is_of(session_id, token)
        assert not guard(SECRET_KEY=new)._is_of(session_id, token)

    @pytest.mark.parametrize(
        ("address", "origin"),
        [
            ("https://todo.example.com", "https://todo.example.com"),
            ("https://Todo.Example.com:443/base/", "https://todo.example.com"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("http://[::1]:80", "http://[::1]"),
        ],
    )
    def test_an_origin_is_written_as_browsers_write_it(self, address: str, origin: str) -> None:
        assert origin_of(address) == origin
