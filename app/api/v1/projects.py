"""The list of projects in version 1."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, IfNoneMatch, ServicesHere
from app.api.kept import kept, projects_seen
from app.api.links import VERSION_1
from app.api.numbered_pages import numbered_page_response
from app.api.routing import ApiRoute
from app.api.v1 import project_schemas as wire
from app.api.v1.project_documents import project_document
from app.domain.ids import TeamId
from app.domain.projects import queries
from app.domain.projects.filter import ProjectFilter, ProjectList
from app.domain.projects.project import Status

router = APIRouter(prefix="/projects", tags=["projects"], route_class=ApiRoute)


@router.get("", response_model=wire.ProjectPage, summary="List projects")
@kept("projects", projects_seen)
async def list_projects(
    request: Request,
    query: Annotated[wire.ProjectListQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows the projects of all your teams, newest first, archived ones included, by page number."""
    narrowed = ProjectFilter(
        team_id=None if query.team_id is None else TeamId(query.team_id),
        status=None if query.status is None else Status(query.status),
    )
    projects = ProjectList(caller.user_id, narrowed)
    page = await queries.numbered(services.database.reader, projects, query.page, query.page_size)
    return numbered_page_response(request, page, partial(project_document, root=VERSION_1))
