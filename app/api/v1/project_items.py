"""One project at a time: the same in all versions. Their lists differ."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.conditional import entity_tag, expected_versions
from app.api.dependencies import CurrentCaller, IfMatch, IfNoneMatch, ServicesHere
from app.api.kept import kept, projects_seen
from app.api.links import VersionRoot
from app.api.responses import created, document, listing, no_content, resource
from app.api.routing import ApiRoute
from app.api.sparse import SparseQuery, sparse
from app.api.v1 import project_schemas as wire
from app.api.v1.project_documents import PROJECT_MEMBERS, changes_of, draft_of, project_document, replacement_of
from app.domain.ids import ProjectId
from app.domain.projects import commands, queries
from app.domain.projects.project import Project

router = APIRouter(prefix="/projects", tags=["projects"], route_class=ApiRoute)


@router.post("", status_code=201, response_model=wire.Project, summary="Create a project")
async def create_project(
    body: wire.ProjectCreate, caller: CurrentCaller, services: ServicesHere, root: VersionRoot
) -> Response:
    """Stores a new project in the given team, or in your personal one; without a position it is the last there."""
    project = await commands.create(services.database, caller, draft_of(body))
    shown = project_document(project, root)
    return created(shown, location=shown["links"]["self"], etag=entity_tag(project.version, project.role))


@router.get("/{project_id}", response_model=wire.Project, summary="Get a project")
@kept("projects", projects_seen, is_list=False)
async def get_project(
    request: Request,
    project_id: UUID,
    query: Annotated[SparseQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    root: VersionRoot,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `resource`
) -> Response:
    """Shows one project that is not in the trash.

    The strong `ETag` of the whole project serves `If-None-Match` here and `If-Match` when writing.
    """
    render = sparse(partial(project_document, root=root), query.fields, PROJECT_MEMBERS)
    project = await queries.get(services.database.reader, caller, ProjectId(project_id))
    if query.fields:
        return listing(request, render(project))
    return resource(request, render(project), etag=entity_tag(project.version, project.role))


@router.put("/{project_id}", response_model=wire.Project, summary="Replace a project")
async def replace_project(
    project_id: UUID,
    body: wire.ProjectReplace,
    caller: CurrentCaller,
    services: ServicesHere,
    root: VersionRoot,
    if_match: IfMatch = None,
) -> Response:
    """Sets every changeable field: what the body leaves out gets its default, only `position` stays.

    With `If-Match` it takes effect only on a version that you have seen.
    """
    expected = expected_versions(if_match)
    changes = replacement_of(body)
    project = await commands.update(services.database, caller, ProjectId(project_id), changes, expected=expected)
    return _changed(project, root)


@router.patch("/{project_id}", response_model=wire.Project, summary="Change a project")
async def update_project(
    project_id: UUID,
    body: wire.ProjectPatch,
    caller: CurrentCaller,
    services: ServicesHere,
    root: VersionRoot,
    if_match: IfMatch = None,
) -> Response:
    """Applies a JSON Merge Patch (RFC 7396): absent members stay.

    The version rises only if something really changes; `{}` changes nothing.
    """
    expected = expected_versions(if_match)
    changes = changes_of(body)
    project = await commands.update(services.database, caller, ProjectId(project_id), changes, expected=expected)
    return _changed(project, root)


@router.delete("/{project_id}", status_code=204, summary="Move a project to the trash")
async def delete_project(
    project_id: UUID, caller: CurrentCaller, services: ServicesHere, if_match: IfMatch = None
) -> Response:
    """Moves the project and its todos to the trash, from where they can be restored together for thirty days."""
    await commands.delete(services.database, caller, ProjectId(project_id), expected=expected_versions(if_match))
    return no_content()


@router.post("/{project_id}/archive", response_model=wire.Project, summary="Archive a project")
async def archive_project(
    project_id: UUID, caller: CurrentCaller, services: ServicesHere, root: VersionRoot, if_match: IfMatch = None
) -> Response:
    """Puts the project aside; its todos stay as they are. An archived project stays archived."""
    expected = expected_versions(if_match)
    project = await commands.archive(services.database, caller, ProjectId(project_id), expected=expected)
    return _changed(project, root)


@router.post("/{project_id}/unarchive", response_model=wire.Project, summary="Unarchive a project")
async def unarchive_project(
    project_id: UUID, caller: CurrentCaller, services: ServicesHere, root: VersionRoot, if_match: IfMatch = None
) -> Response:
    """Takes an archived project up again. An active project stays active."""
    expected = expected_versions(if_match)
    project = await commands.unarchive(services.database, caller, ProjectId(project_id), expected=expected)
    return _changed(project, root)


@router.post("/{project_id}/restore", response_model=wire.Project, summary="Restore a project")
async def restore_project(
    project_id: UUID, caller: CurrentCaller, services: ServicesHere, root: VersionRoot
) -> Response:
    """Brings the project back from the trash with exactly the todos that went along.

    Todos that were in the trash before stay there.
    """
    project = await commands.restore(services.database, caller, ProjectId(project_id))
    return _changed(project, root)


def _changed(project: Project, root: str) -> Response:
    return document(project_document(project, root), headers={"ETag": entity_tag(project.version, project.role)})
