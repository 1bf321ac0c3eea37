"""Every operation of both documents, with a key of each single scope: it opens what the scope is for, and nothing else.

What each operation should need is said here once more, by path, apart from the table that the service is built on.
"""

import re
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.database.executor import Database
from tests.api_key_factories import key_header, make_api_key
from tests.application import VERSIONS, document_made
from tests.factories import make_user

SOME_ID = "0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a"
FOR_NO_KEY = None
# Below the root of the version: what GET needs, and what all other methods need. The first that fits counts.
RULES: tuple[tuple[str, str | None, str | None], ...] = (
    (r"/auth/.+", FOR_NO_KEY, FOR_NO_KEY),
    (r"/me|/me/limits|/users/me", "me:read", "me:write"),
    (r"/me/.+", FOR_NO_KEY, FOR_NO_KEY),
    (r"/users(/.+)?", "users:read", FOR_NO_KEY),
    (r"/todos(/.+)?", "todos:read", "todos:write"),
    (r"/projects(/.+)?", "projects:read", "projects:write"),
    (r"/tags(/.+)?", "tags:read", "tags:write"),
    (r"/teams(/.+)?", "teams:read", "teams:write"),
    (r"/api/middleware/.+", "operations:read", FOR_NO_KEY),
    (r"/admin/blocks(/.+)?", "blocks:read", FOR_NO_KEY),
    (r"/audit", "audit:read", FOR_NO_KEY),
)
# What is further from the others of its path than reading is from writing.
UNLIKE_OTHERS = {("DELETE", "/me")}
SCOPES = (
    "audit:read",
    "blocks:read",
    "me:read",
    "me:write",
    "operations:read",
    "projects:read",
    "projects:write",
    "tags:read",
    "tags:write",
    "teams:read",
    "teams:write",
    "todos:read",
    "todos:write",
    "users:read",
)
DOCUMENTS = {version: document_made(version) for version in VERSIONS}


@dataclass(frozen=True)
class Operation:
    """One operation of a document that is not for everybody."""

    method: str
    path: str
    content: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def scope(self) -> str | None:
        """What a key should need. Raises StopIteration for an operation that no rule is about."""
        below = re.sub("^/api/v[12]", "", self.path)
        if (self.method, below) in UNLIKE_OTHERS:
            return FOR_NO_KEY
        reading, writing = next(rule[1:] for rule in RULES if re.fullmatch(rule[0], below))
        return reading if self.method == "GET" else writing

    async def send(self, client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
        """Asks for it about something that does not exist, with the body that the document shows."""
        media: dict[str, Any] = next(iter(self.content.get("requestBody", {}).get("content", {}).values()), {})
        path = re.sub("{[a-z_]+}", SOME_ID, self.path)
        return await client.request(self.method, path, json=media.get("example"), headers=headers)


OPERATIONS = [
    Operation(method.upper(), path, content)
    for version in VERSIONS
    for path, methods in DOCUMENTS[version]["paths"].items()
    for method, content in methods.items()
    if content["security"]
]
EACH = pytest.mark.parametrize("operation", OPERATIONS, ids=str)


@pytest.fixture(scope="module")
async def keys(database: Database) -> dict[str, dict[str, str]]:
    """The header of a key with each single scope, all of one administrator: no role is in the way."""
    administrator = await make_user(database, roles=("admin",))
    return {scope: key_header(await make_api_key(database, administrator, [scope])) for scope in SCOPES}


@pytest.fixture(scope="module")
async def every_scope(database: Database) -> dict[str, str]:
    """The header of one key with all of them."""
    return key_header(await make_api_key(database, await make_user(database, roles=("admin",)), SCOPES))


def challenge(scope: str) -> str:
    return f'Bearer realm="todo", error="insufficient_scope", scope="{scope}"'


def test_there_is_something_to_look_at() -> None:
    assert len(OPERATIONS) > 80
    assert {operation.scope for operation in OPERATIONS} == {*SCOPES, None}


def test_these_are_all_scopes_that_there_are() -> None:
    body = DOCUMENTS["v2"]["components"]["schemas"]["ApiKeyCreate"]["properties"]["scopes"]
    assert sorted(body["items"]["enum"]) == sorted(SCOPES)


@EACH
class TestEachOperation:
    def test_says_what_it_needs(self, operation: Operation) -> None:
        content, scope = operation.content, operation.scope
        if scope is None:
            assert content["security"] == [{"bearer": []}]
            assert content["x-permission"] in {"account", "blocks:admin", "users:admin"}
            assert content["description"].endswith("Not for API keys.")
        else:
            assert content["security"] == [{"bearer": []}, {"apiKey": []}]
            assert content["x-permission"] == scope
            assert content["description"].endswith(f"An API key needs the scope `{scope}`.")
        assert "403" in content["responses"]

    async def test_opens_to_the_scope_that_it_needs_and_to_no_other(
        self, operation: Operation, client: httpx.AsyncClient, keys: dict[str, dict[str, str]]
    ) -> None:
        needed = operation.content["x-permission"]
        for scope, header in keys.items():
            response = await operation.send(client, header)
            if scope == operation.scope:
                assert response.status_code in {200, 201, 204, 207, 404, 409, 422}, (scope, response.text)
                continue
            content = response.json()
            code = content["error"]["code"] if "error" in content else content["code"]
            assert (response.status_code, code) == (403, "INSUFFICIENT_SCOPE"), scope
            assert response.headers["www-authenticate"] == challenge(needed), scope
            assert needed in response.text

    async def test_is_refused_before_anything_is_read(
        self, operation: Operation, client: httpx.AsyncClient, keys: dict[str, dict[str, str]]
    ) -> None:
        """Neither the id, nor the query, nor the body decides what somebody learns who may not ask."""
        other = keys["tags:read" if operation.scope != "tags:read" else "todos:read"]
        path = re.sub("{[a-z_]+}", "not-an-id", operation.path)
        response = await client.request(operation.method, f"{path}?unknown=1", content=b"{", headers=other)
        assert response.status_code == 403


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.scope is None], ids=str)
async def test_what_takes_a_person_opens_to_no_scopes_at_all(
    operation: Operation, client: httpx.AsyncClient, every_scope: dict[str, str]
) -> None:
    response = await operation.send(client, every_scope)
    assert response.status_code == 403
    assert response.headers["www-authenticate"] == challenge(operation.content["x-permission"])
