"""The pages that the service serves itself: what browsers may do on them, and that what they say is true."""

import hashlib
import re

import httpx
import pytest

from app.api.documentation.pages import ASSETS
from app.api.problem_types import TYPES
from tests.api.test_openapi import DOCUMENTS

SWAGGER = ("/docs/v1", "/docs/v2")
PAGES = ("/docs", *SWAGGER, "/docs/migrate-v1-v2", "/problems", *(f"/problems/{kind.slug}" for kind in TYPES.values()))
COPIES = (
    "swagger-ui-bundle.js",
    "swagger-ui-bundle.js.LICENSE.txt",
    "swagger-ui.LICENSE.txt",
    "swagger-ui.NOTICE.txt",
    "swagger-ui.css",
)


def loaded_by(page: str) -> list[str]:
    """The addresses from which a browser loads something to show the page."""
    found = re.findall(r'<(?:link|script|img|iframe)\b[^>]*\b(?:href|src)="([^"]*)"', page)
    return [*found, *re.findall(r'data-document="([^"]*)"', page)]


def followed_from(page: str) -> list[str]:
    """The addresses on this host to which the page links."""
    return re.findall(r'<a href="(/[^"]*)"', page)


@pytest.mark.parametrize("path", PAGES)
class TestEveryPage:
    async def test_is_html_for_anybody_whatever_they_accept(self, path: str, client: httpx.AsyncClient):
        response = await client.get(path, headers={"Accept": "text/html,application/xhtml+xml;q=0.9"})

        assert response.status_code == 200
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert response.text.startswith("<!doctype html>")

    async def test_lets_browsers_do_nothing_that_it_does_not_need(self, path: str, client: httpx.AsyncClient):
        headers = (await client.get(path)).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))

        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert "unsafe" not in headers["content-security-policy"]
        assert ("script-src" in policy) == (path in SWAGGER)
        assert set(policy.values()) <= {"'none'", "'self'", "'self' data:"}
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"

    async def test_loads_everything_from_here(self, path: str, client: httpx.AsyncClient):
        page = (await client.get(path)).text

        assert loaded_by(page)
        for address in loaded_by(page):
            assert address.startswith("/")
            assert not address.startswith("//")
            assert (await client.get(address)).status_code == 200, address

    async def test_has_no_script_and_no_style_inside(self, path: str, client: httpx.AsyncClient):
        page = (await client.get(path)).text

        assert not re.findall(r"<script\b[^>]*>[^<]", page)
        assert not re.findall(r"<style\b|\bstyle=|\bon[a-z]+=|javascript:", page)

    async def test_links_to_nothing_that_is_not_there(self, path: str, client: httpx.AsyncClient):
        for address in followed_from((await client.get(path)).text):
            assert (await client.get(address)).status_code == 200, address

    async def test_is_not_sent_twice(self, path: str, client: httpx.AsyncClient):
        first = await client.get(path)

        again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})

        assert first.headers["cache-control"].startswith("public")
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["content-security-policy"] == first.headers["content-security-policy"]


class TestAssets:
    @pytest.mark.parametrize("name", COPIES)
    def test_the_copies_are_what_their_origin_published(self, name: str):
        sums = dict(re.findall(r"^([0-9a-f]{64})  (\S+)$", (ASSETS / "README.txt").read_text(), re.MULTILINE))
        published = {file: digest for digest, file in sums.items()}

        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == published[name]

    @pytest.mark.parametrize(
        ("name", "media_type"),
        [
            ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
            ("documentation.js", "text/javascript; charset=utf-8"),
            ("swagger-ui.css", "text/css; charset=utf-8"),
            ("favicon.svg", "image/svg+xml"),
            ("swagger-ui.LICENSE.txt", "text/plain; charset=utf-8"),
        ],
    )
    async def test_each_has_its_media_type(self, name: str, media_type: str, client: httpx.AsyncClient):
        response = await client.get(f"/docs/assets/{name}")

        assert (response.status_code, response.headers["content-type"]) == (200, media_type)
        assert response.content == (ASSETS / name).read_bytes()

    async def test_what_the_client_has_is_not_sent_again(self, client: httpx.AsyncClient):
        etag = (await client.get("/docs/assets/swagger-ui.css")).headers["etag"]

        response = await client.get("/docs/assets/swagger-ui.css", headers={"If-None-Match": etag})

        assert (response.status_code, response.content) == (304, b"")

    @pytest.mark.parametrize("name", ["nothing.js", "..%2Fpages.py", "%2e%2e%2fpages.py", "%00", "assets"])
    async def test_nothing_else_can_be_asked_for(self, name: str, client: httpx.AsyncClient):
        assert (await client.get(f"/docs/assets/{name}")).status_code in {404, 422}


class TestProblems:
    async def test_the_type_of_an_error_leads_to_its_page(self, client: httpx.AsyncClient):
        problem = (await client.get("/api/v2/todos")).json()

        page = await client.get(problem["type"])

        assert page.status_code == 200
        assert problem["title"] in page.text

    async def test_a_kind_that_does_not_exist_is_404(self, client: httpx.AsyncClient):
        response = await client.get("/problems/no-such-kind")

        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"


class TestMigration:
    async def test_it_names_every_operation_of_version_1_and_only_what_exists(self, client: httpx.AsyncClient):
        page = (await client.get("/docs/migrate-v1-v2")).text
        named = set(re.findall(r"(GET|POST|PUT|PATCH|DELETE) (/api/v[12]/[a-z0-9/_{}-]+)", page))
        existing = {
            (version, method.upper(), path)
            for version, document in DOCUMENTS.items()
            for path, methods in document["paths"].items()
            for method in methods
        }

        assert {(method, path) for version, method, path in existing if version == "v1"} <= named
        assert named <= {(method, path) for _, method, path in existing}
