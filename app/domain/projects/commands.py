"""What can be done to projects. Each public function is one unit of work, visible where it opens."""

from collections import Counter

from app.database.executor import Database, Transaction
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Changes, Subject, differences
from app.domain.errors import NotFound
from app.domain.ids import ProjectId
from app.domain.projects import repository, trash_repository
from app.domain.projects.project import (
    Project,
    ProjectChanges,
    ProjectDraft,
    Status,
    changed,
    checked,
    require_version,
)
from app.domain.teams import queries as teams
from app.domain.teams.policy import require_writer
from app.domain.unit_of_work import repeated, unit_of_work
from app.domain.users.caller import Caller

PURGE_BATCH = 500
Versions = frozenset[int] | None


@repeated
async def create(database: Database, caller: Caller, draft: ProjectDraft) -> Project:
    """Stores a new project, in the caller's personal team unless the draft names another, and returns it.

    Raises Invalid (also for a team that the caller is not in) and NotAllowed (for a viewer). One statement.
    """
    draft = checked(draft)
    team_id = draft.team_id or caller.personal_team_id
    async with unit_of_work(database) as work:
        project = await repository.insert_project(work, caller.user_id, team_id, draft)
        if project is None:
            raise await teams.refusal_to_write(work, caller, team_id)
        return project


@repeated
async def update(
    database: Database, caller: Caller, project_id: ProjectId, changes: ProjectChanges, *, expected: Versions = None
) -> Project:
    """Applies `changes` and returns the project; its version rises only if something really changed.

    `expected` are the versions that the caller knows; any other raises Stale. Raises NotFound, NotAllowed, Invalid.
    """
    async with unit_of_work(database) as work:
        project = await _locked(work, caller, project_id, expected)
        wanted = changed(project, changes)
        if wanted == project:
            return project
        if project.user_id != caller.user_id:
            told = differences(project, wanted, "name", "color", "status", "position", named=("description",))
            _record(work, Action.PROJECT_CHANGED, caller, project, told)
        return await repository.update_project(work, wanted)


async def archive(database: Database, caller: Caller, project_id: ProjectId, *, expected: Versions = None) -> Project:
    """Puts a project aside; an archived one stays as it is. Raises NotFound, NotAllowed, Stale."""
    return await update(database, caller, project_id, ProjectChanges(status=Status.ARCHIVED), expected=expected)


async def unarchive(database: Database, caller: Caller, project_id: ProjectId, *, expected: Versions = None) -> Project:
    """Takes a project up again; an active one stays as it is. Raises NotFound, NotAllowed, Stale."""
    return await update(database, caller, project_id, ProjectChanges(status=Status.ACTIVE), expected=expected)


@repeated
async def delete(database: Database, caller: Caller, project_id: ProjectId, *, expected: Versions = None) -> None:
    """Moves a project to the trash together with its live todos. Raises NotFound, NotAllowed, Stale."""
    async with unit_of_work(database) as work:
        project = await trash_repository.lock_live(work, caller.user_id, project_id)
        if project is None:
            raise NotFound("project", project_id)
        require_writer(project.role)
        require_version(project, expected)
        await trash_repository.trash(work, project)
        _record_move(work, Action.PROJECT_TRASHED, caller, project)


@repeated
async def restore(database: Database, caller: Caller, project_id: ProjectId) -> Project:
    """Brings a project back from the trash with exactly the todos that went along. Raises NotFound, NotAllowed."""
    async with unit_of_work(database) as work:
        project = await trash_repository.lock_trashed(work, caller.user_id, project_id)
        if project is None or project.deleted_at is None:
            raise NotFound("project in the trash", project_id)
        require_writer(project.role)
        _record_move(work, Action.PROJECT_RESTORED, caller, project)
        return await trash_repository.restore(work, project, project.deleted_at)


@repeated
async def purge_trash(database: Database) -> int:
    """Deletes for good what has been in the trash for thirty days; the number deleted. In transactions of 500.

    A todo that is still in the trash then loses its project, so todos are best purged first.
    """
    total = 0
    while True:
        async with unit_of_work(database) as work:
            purged = await trash_repository.purge(work, PURGE_BATCH)
            for team_id, projects in Counter(purged).items():
                subject = Subject("team", team_id)
                changed_here = {"projects": (projects, 0)}
                audit.record(work, Action.TRASH_PURGED, subject=subject, team_id=team_id, changed=changed_here)
        total += len(purged)
        if len(purged) < PURGE_BATCH:
            return total


def _record(work: Transaction, action: Action, caller: Caller, project: Project, told: Changes) -> None:
    subject = Subject("project", project.id)
    audit.record(work, action, actor=caller.user_id, subject=subject, team_id=project.team_id, changed=told)


def _record_move(work: Transaction, action: Action, caller: Caller, project: Project) -> None:
    """To the trash and back: in a shared team whatever others put into the project goes along."""
    if project.team_id != caller.personal_team_id or project.user_id != caller.user_id:
        _record(work, action, caller, project, {})


async def _locked(work: Transaction, caller: Caller, project_id: ProjectId, expected: Versions) -> Project:
    """The project, locked, if the caller may change it and knows its version."""
    project = await repository.lock(work, caller.user_id, project_id)
    if project is None:
        raise NotFound("project", project_id)
    require_writer(project.role)
    require_version(project, expected)
    return project
