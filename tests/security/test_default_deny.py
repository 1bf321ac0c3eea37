"""Every route of every face needs a token, unless it is on the short list here."""

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

from app.api.dispatch import endpoints
from app.api.routing import ApiRoute
from tests.application import application

PUBLIC = {
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/api/v2"),
    ("POST", "/api/v1/auth/register"),
    ("POST", "/api/v1/auth/email/resend"),
    ("POST", "/api/v1/auth/email/verify"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/refresh"),
    ("POST", "/api/v2/auth/register"),
    ("POST", "/api/v2/auth/email/resend"),
    ("POST", "/api/v2/auth/email/verify"),
    ("POST", "/api/v2/auth/login"),
    ("POST", "/api/v2/auth/refresh"),
    ("POST", "/api/v2/auth/password/forgot"),
    ("POST", "/api/v2/auth/password/reset"),
    ("POST", "/api/v2/auth/deletion/resend"),
    ("POST", "/api/v2/auth/deletion/cancel"),
    # The second step of a login: they take the challenge that the first one gave.
    ("POST", "/api/v1/auth/mfa/verify"),
    ("POST", "/api/v1/auth/mfa/send"),
    ("POST", "/api/v2/auth/mfa/verify"),
    ("POST", "/api/v2/auth/mfa/send"),
    # Pages and documents about the service, the same for everybody.
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/api/v2/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/docs/account/{page}"),
    ("GET", "/docs/assets/{name}"),
    ("GET", "/docs/migrate-v1-v2"),
    ("GET", "/docs/v1"),
    ("GET", "/docs/v2"),
    ("GET", "/problems"),
    ("GET", "/problems/{slug}"),
}

ROUTES: list[BaseRoute] = list(application().routes)
OPERATIONS = sorted({(method, each.template) for each in endpoints(ROUTES) for method in each.methods})


def test_the_table_is_the_whole_application() -> None:
    """Nothing is mounted or added beside the routes that these tests walk."""
    others = [
        context.path for context in iter_route_contexts(ROUTES) if not isinstance(context.original_route, ApiRoute)
    ]
    assert others == []
    assert len(OPERATIONS) > 60


def test_the_short_list_names_only_what_exists() -> None:
    assert set(OPERATIONS) >= PUBLIC


@pytest.mark.parametrize(("method", "template"), [each for each in OPERATIONS if each not in PUBLIC])
@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer x.y.z", "Basic YTpi"])
async def test_without_a_token_it_is_401(
    client: httpx.AsyncClient, method: str, template: str, authorization: str | None
) -> None:
    path = template.replace("{", "").replace("}", "")
    headers = {} if authorization is None else {"Authorization": authorization}
    response = await client.request(method, path, headers=headers, content=b"{not json")
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
