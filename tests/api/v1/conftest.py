"""What tests of version 1 share: its refusals, and teams, which only version 2 makes."""

from collections.abc import Mapping
from typing import Any

import httpx

from tests.api.conftest import Person


def refused(response: httpx.Response, status: int, code: str) -> Mapping[str, Any]:
    """The `error` of a refusal that has version 1's envelope, all of it, and says that the version is deprecated."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert list(response.json()) == ["error"]
    error: dict[str, Any] = response.json()["error"]
    assert set(error) - {"fields"} == {"code", "message", "timestamp", "request_id"}
    assert (error["code"], error["request_id"]) == (code, response.headers["x-request-id"])
    assert_deprecated(response)
    return error


def assert_deprecated(response: httpx.Response) -> None:
    """The notice that every response of version 1 carries."""
    path = response.request.url.path
    successor = path.replace("/api/v1", "/api/v2", 1)
    successor = successor.replace("/users/me", "/me").replace("/todos/bulk-process", "/todos/batch")
    links = response.headers.get_list("link")
    assert response.headers["deprecation"] == "@1793491200"
    assert response.headers["sunset"] == "Mon, 01 Nov 2027 00:00:00 GMT"
    assert any(link.endswith('/docs/migrate-v1-v2>; rel="deprecation"; type="text/html"') for link in links)
    assert f'<{successor}>; rel="successor-version"' in links


async def team_with(owner: Person, other: Person, role: str) -> str:
    """The id of a team in which `other` has `role`."""
    team = await owner.create("/api/v2/teams", name="Shared")
    await owner.create(f"/api/v2/teams/{team['id']}/members", email=other.user.email, role=role)
    return str(team["id"])
