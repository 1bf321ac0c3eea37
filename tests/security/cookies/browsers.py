"""What pages of ours ask in cookie mode, and what others try."""

from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from app.domain.users.user import User
from tests.factories import PASSWORD

HERE = "https://todo.example.com"
LISTED = "https://app.example.com"
REFRESH, CSRF = "__Host-todo_refresh", "__Host-todo_csrf"
ROOTS = pytest.mark.parametrize("root", ["/api/v1", "/api/v2"])
FROM_HERE = {"Origin": HERE}
LOOK_ALIKES = (
    "null",
    "https://evil.example",
    "https://todo.example.com.evil.example",
    "https://eviltodo.example.com",
    "https://todo.example.com:8443",
    "http://todo.example.com",
    "https://TODO.example.com",
    "https://todo.example.com/",
    "https://todo.example.com@evil.example",
    "https://todo.example.com, https://evil.example",
    "https://todo.example.co\u043c",  # a Cyrillic m
    "https://sub.app.example.com",
    "*",
    "",
)


async def log_in(browser: httpx.AsyncClient, user: User, *, root: str = "/api/v2", origin: str = HERE) -> Any:
    body = {"email": user.email, "password": PASSWORD, "token_delivery": "cookie"}
    response = await browser.post(f"{root}/auth/login", json=body, headers={"Origin": origin})
    assert response.status_code == 200, response.text
    return response.json()


async def refresh(
    browser: httpx.AsyncClient, tokens: dict[str, Any], *, root: str = "/api/v2", **headers: str
) -> httpx.Response:
    """As a page of ours asks, but for `headers`; those that are empty are left out."""
    sent = {
        "Origin": HERE,
        "X-CSRF-Token": tokens["csrf_token"],
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    return await browser.post(f"{root}/auth/refresh", json={}, headers={k: v for k, v in sent.items() if v})


def code_of(response: httpx.Response) -> str:
    body = response.json()
    return str(body.get("error", body)["code"])


async def is_let_in(browser: httpx.AsyncClient, tokens: dict[str, Any]) -> bool:
    response = await browser.get("/api/v2/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    return response.status_code == 200


def cookies_set(response: httpx.Response) -> dict[str, Any]:
    found: SimpleCookie = SimpleCookie()
    for line in response.headers.get_list("set-cookie"):
        found.load(line)
    return dict(found)
