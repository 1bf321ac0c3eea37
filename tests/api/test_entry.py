"""The entry points: from them, everything can be reached."""

from typing import Any

import httpx
import pytest

from tests.api.test_openapi import DOCUMENTS

ENTRIES = ("/", "/api/v2")


async def links_of(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    response = await client.get(path)
    assert response.status_code == 200
    links: dict[str, Any] = response.json()["links"]
    return links


@pytest.mark.parametrize("path", ENTRIES)
class TestEntryPoints:
    async def test_they_name_themselves(self, path: str, client: httpx.AsyncClient):
        assert (await links_of(client, path))["self"] == path

    async def test_every_link_leads_somewhere(self, path: str, client: httpx.AsyncClient):
        for name, address in (await links_of(client, path)).items():
            assert (await client.options(address)).status_code == 204, name


class TestReach:
    async def test_every_collection_of_version_2_is_linked(self, client: httpx.AsyncClient):
        linked = {*(await links_of(client, "/")).values(), *(await links_of(client, "/api/v2")).values()}
        readable = {path for path, methods in DOCUMENTS["v2"]["paths"].items() if "get" in methods and "{" not in path}

        for_operators = {"/health/live", "/health/ready", "/api/middleware/stats"}
        assert readable - linked <= for_operators
