"""What no route takes: unknown paths, other methods, OPTIONS, HEAD; and the entry points."""

import httpx
import pytest

from tests.api.conftest import Person

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


class TestUnknownPaths:
    @pytest.mark.parametrize("path", ["/nothing", "/api/v2/nothing", "/api/v2/todos/", "/api/v2/todos/x/y/z", "/%00"])
    async def test_an_unknown_path_is_a_404_problem(self, client: httpx.AsyncClient, path: str) -> None:
        response = await client.get(path)
        assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")
        assert response.json()["instance"] == f"/requests/{response.headers['x-request-id']}"
        assert response.headers.items() >= SECURITY_HEADERS.items()

    async def test_version_1_has_its_own_envelope(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/api/v1/nothing")
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (404, "NOT_FOUND")
        assert set(error) == {"code", "message", "timestamp", "request_id"}


class TestMethods:
    async def test_a_method_that_is_not_offered_is_405_with_allow(self, client: httpx.AsyncClient) -> None:
        response = await client.delete("/api/v2/todos")
        assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
        assert response.headers.items() >= SECURITY_HEADERS.items()

    async def test_options_lists_what_is_offered(self, client: httpx.AsyncClient) -> None:
        response = await client.options("/api/v2/todos/0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a")
        assert (response.status_code, response.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT")
        assert response.content == b""

    async def test_options_on_nothing_is_404(self, client: httpx.AsyncClient) -> None:
        assert (await client.options("/nothing")).status_code == 404

    async def test_a_made_up_method_is_405(self, client: httpx.AsyncClient) -> None:
        assert (await client.request("BREW", "/api/v2/todos")).status_code == 405

    async def test_head_is_answered_wherever_get_is(self, client: httpx.AsyncClient) -> None:
        get, head = await client.get("/api/v2"), await client.head("/api/v2")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == get.headers["content-length"]


class TestEntryPoints:
    async def test_every_collection_is_reachable_from_the_root(self, ann: Person) -> None:
        root = (await ann.http.get("/")).json()["links"]
        collections = (await ann.http.get(root["v2"])).json()["links"]
        for name in ("todos", "projects", "teams", "tags", "me", "sessions", "today", "trash", "stats"):
            assert (await ann.http.get(collections[name])).status_code == 200, name

    async def test_no_link_of_an_entry_point_is_broken(self, ann: Person) -> None:
        for entry in ("/", "/api/v2"):
            for name, link in (await ann.http.get(entry)).json()["links"].items():
                status = (await ann.http.options(link)).status_code
                assert status == 204, f"{name}: {link}"
