"""Projects as all versions show them, and as the domain takes them."""

from typing import Any

from app.api.links import VERSION_2
from app.api.v1 import project_schemas as wire
from app.domain.ids import TeamId
from app.domain.projects.project import Project, ProjectChanges, ProjectDraft, Status
from app.domain.teams.policy import Role

PROJECT_MEMBERS = tuple(wire.Project.__annotations__)


def project_document(project: Project, root: str) -> wire.Project:
    """The whole project, with the links that the caller may follow now; they begin with `root`, the version's."""
    return {
        "id": project.id,
        "team_id": project.team_id,
        "user_id": project.user_id,
        "name": project.name,
        "description": project.description,
        "color": project.color,
        "status": project.status,  # type: ignore[typeddict-item]  # a check constraint keeps the column to these names
        "position": project.position,
        "version": project.version,
        "created_at": project.created_at,
        "updated_at": project.updated_at,
        "deleted_at": project.deleted_at,
        "purge_at": project.purge_at,
        "links": _links(project, root),
    }


def draft_of(body: wire.ProjectCreate) -> ProjectDraft:
    """The new project that a body describes."""
    return ProjectDraft(
        name=body.name,
        description=body.description,
        color=body.color,
        status=Status(body.status),
        position=body.position,
        team_id=None if body.team_id is None else TeamId(body.team_id),
    )


def changes_of(body: wire.ProjectPatch) -> ProjectChanges:
    """The changes of a merge patch: only the members that it has."""
    return _changes(body, body.model_fields_set)


def replacement_of(body: wire.ProjectReplace) -> ProjectChanges:
    """The changes of a PUT: every member, except a position that it leaves out."""
    names = set(type(body).model_fields)
    return _changes(body, names if body.position is not None else names - {"position"})


def _changes(body: wire.ProjectPatch | wire.ProjectReplace, names: set[str]) -> ProjectChanges:
    values: dict[str, Any] = {name: getattr(body, name) for name in names}
    if "status" in values:
        values["status"] = Status(values["status"])
    return ProjectChanges(**values)


def _links(project: Project, root: str) -> wire.ProjectLinks:
    itself = f"{root}/projects/{project.id}"
    links: wire.ProjectLinks = {
        "self": itself,
        "team": f"{VERSION_2}/teams/{project.team_id}",  # version 1 has no teams
        "todos": f"{root}/todos?project_id={project.id}",
    }
    if not Role(project.role).can_write:
        return links
    if project.deleted_at is not None:
        links["restore"] = itself + "/restore"
    elif project.status == Status.ARCHIVED:
        links["unarchive"] = itself + "/unarchive"
    else:
        links["archive"] = itself + "/archive"
    return links
