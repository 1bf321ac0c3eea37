"""Lists of projects in version 2. One project at a time is the same in all versions."""

import datetime as dt
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, IfNoneMatch, Prefer, ServicesHere
from app.api.kept import kept, projects_seen
from app.api.links import VERSION_2
from app.api.pages import cursor_scope, page_request, page_response, wants_total
from app.api.routing import ApiRoute
from app.api.sparse import sparse
from app.api.v1.project_documents import PROJECT_MEMBERS, project_document
from app.api.v2 import project_schemas as wire
from app.domain.ids import TeamId, UserId
from app.domain.pages import parse_sort
from app.domain.projects import queries
from app.domain.projects.filter import LAST_TRASHED_FIRST, SORTS, ProjectFilter, ProjectList
from app.domain.projects.project import Status
from app.domain.users.caller import Caller
from app.lifespan import Services

router = APIRouter(prefix="/projects", tags=["projects"], route_class=ApiRoute)

_SORT_TYPES: dict[str, Any] = {"created_at": dt.datetime, "position": float, "deleted_at": dt.datetime}


@router.get("", response_model=wire.ProjectPage, summary="List projects")
@kept("projects", projects_seen)
async def list_projects(
    request: Request,
    query: Annotated[wire.ProjectListQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows the projects of all your teams, newest first, archived ones included, a page at a time."""
    return await _page(request, services, "projects", query, _list_of(query, caller), prefer)


@router.get("/trash", response_model=wire.ProjectPage, summary="List projects in the trash")
@kept("projects", projects_seen)
async def list_trashed_projects(
    request: Request,
    query: Annotated[wire.ProjectTrashQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows deleted projects, last deleted first, each with `purge_at`: when it is gone for good."""
    return await _page(request, services, "projects/trash", query, _trash_of(query, caller), prefer)


async def _page(
    request: Request,
    services: Services,
    name: str,
    query: wire.ProjectTrashQuery | wire.ProjectListQuery,
    projects: ProjectList,
    prefer: str | None,
) -> Response:
    render = sparse(partial(project_document, root=VERSION_2), query.fields, PROJECT_MEMBERS)
    scope = cursor_scope(name, query)
    wanted = page_request(request, query, scope, _SORT_TYPES[projects.sort.field])
    page = await queries.page(services.database.reader, projects, wanted, with_total=wants_total(prefer))
    return page_response(request, page, render, limit=query.limit, scope=scope)


def _list_of(query: wire.ProjectListQuery, caller: Caller) -> ProjectList:
    """The list that a query describes. Raises Invalid for an unknown sort."""
    narrowed = ProjectFilter(
        team_id=None if query.team_id is None else TeamId(query.team_id),
        status=None if query.status is None else Status(query.status),
        user_id=None if query.user_id is None else UserId(query.user_id),
    )
    return ProjectList(caller.user_id, narrowed, parse_sort(query.sort, allowed=SORTS))


def _trash_of(query: wire.ProjectTrashQuery, caller: Caller) -> ProjectList:
    """The part of the trash that a query describes."""
    team_id = None if query.team_id is None else TeamId(query.team_id)
    return ProjectList(caller.user_id, ProjectFilter(team_id=team_id, trashed=True), LAST_TRASHED_FIRST)
