"""Entry points: from here every collection can be reached by following links."""

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response
from typing_extensions import TypedDict

from app.api.fields import described
from app.api.responses import document
from app.api.routing import PublicRoute

router = APIRouter(tags=["entry"], route_class=PublicRoute)

VERSION_LINKS = {
    "self": "/api/v2",
    "register": "/api/v2/auth/register",
    "login": "/api/v2/auth/login",
    "forgot_password": "/api/v2/auth/password/forgot",
    "refresh": "/api/v2/auth/refresh",
    "me": "/api/v2/me",
    "sessions": "/api/v2/me/sessions",
    "mfa": "/api/v2/me/mfa",
    "api_keys": "/api/v2/me/api-keys",
    "limits": "/api/v2/me/limits",
    "activity": "/api/v2/me/activity",
    "exports": "/api/v2/me/exports",
    "todos": "/api/v2/todos",
    "today": "/api/v2/todos/today",
    "upcoming": "/api/v2/todos/upcoming",
    "overdue": "/api/v2/todos/overdue",
    "trash": "/api/v2/todos/trash",
    "stats": "/api/v2/todos/stats",
    "projects": "/api/v2/projects",
    "trashed_projects": "/api/v2/projects/trash",
    "teams": "/api/v2/teams",
    "tags": "/api/v2/tags",
    "users": "/api/v2/users",
    "blocks": "/api/v2/admin/blocks",
    "audit": "/api/v2/audit",
    "documentation": "/docs/v2",
    "openapi": "/api/v2/openapi.json",
}
ROOT_LINKS = {
    "self": "/",
    "v1": "/api/v1/openapi.json",
    "v2": "/api/v2",
    "health": "/health",
    "documentation": "/docs/v2",
    "migration": "/docs/migrate-v1-v2",
}


class EntryPoint(TypedDict):
    """Where everything is."""

    name: Annotated[str, described("What this is.", "Todo service")]
    version: Annotated[str, described("Its version.", "2")]
    links: Annotated[dict[str, str], described("Every collection, by name.", {"todos": "/api/v2/todos"})]


@router.get("/", response_model=EntryPoint, summary="Entry point of the service")
async def get_root() -> Response:
    """Lists the versions of the interface and the pages about it."""
    return document({"name": "Todo service", "version": "2", "links": ROOT_LINKS})


@router.get("/api/v2", response_model=EntryPoint, summary="Entry point")
async def get_entry_point() -> Response:
    """Lists the collections of version 2. Their items link on, so that no address needs to be put together by hand."""
    return document({"name": "Todo service", "version": "2", "links": VERSION_LINKS})
