"""The SQL of the trash: a project goes there and comes back with its todos, and is gone for good after thirty days."""

import datetime as dt

from sqlalchemy import Integer, Update, bindparam, column, delete, exists, func, or_, select, table, update

from app.database.executor import Transaction
from app.database.schema import moment, uuid
from app.database.statements import Change, scalar
from app.domain.ids import ProjectId, TeamId, UserId
from app.domain.projects.cache_tags import of_projects
from app.domain.projects.project import TRASH_KEPT, Project
from app.domain.projects.repository import CALLER_ROLE, COLUMNS, KEY, LIVE, ONE
from app.domain.projects.tables import projects
from app.domain.teams.cache_tags import of_todos_in

p = projects.c

# Stronger than the lock of other changes: who puts a todo into the project needs its row for a foreign key, and waits.
_LOCK_LIVE = Change("projects.lock_to_trash", ONE.where(LIVE).with_for_update(of=projects), Project)
_LOCK_TRASHED = Change(
    "projects.lock_trashed", ONE.where(p.deleted_at.is_not(None)).with_for_update(of=projects), Project
)
_moved = {"version": p.version + 1, "updated_at": func.clock_timestamp()}
_TRASH = Change(
    "projects.trash",
    update(projects).where(KEY).values(deleted_at=func.clock_timestamp(), **_moved).returning(*COLUMNS, CALLER_ROLE),
    Project,
)
_RESTORE = Change(
    "projects.restore",
    update(projects).where(KEY).values(deleted_at=None, **_moved).returning(*COLUMNS, CALLER_ROLE),
    Project,
)

# Todos build on projects, so their table cannot be imported here; these are the columns that going to the trash and
# coming back must touch. A todo belongs to the project's stay in the trash if it went there at the same moment.
_todos = table(
    "todos",
    column("team_id", uuid),
    column("id", uuid),
    column("parent_id", uuid),
    column("project_id", uuid),
    column("version", Integer),
    column("updated_at", moment),
    column("deleted_at", moment),
)
t = _todos.c
_together = bindparam("moment", type_=moment)
_in_project = bindparam("project_id", type_=uuid)
_parent = _todos.alias("parent")
# A subtask goes where its parent goes, whatever project it names itself.
_of_project = (
    t.team_id == bindparam("team_id", type_=uuid),
    or_(
        t.project_id == _in_project,
        t.parent_id.in_(
            select(_parent.c.id).where(_parent.c.team_id == t.team_id, _parent.c.project_id == _in_project)
        ),
    ),
)


def _any_todo(name: str, change: Update) -> Change[bool]:
    """The change of todos; says whether there were any, without naming thousands of them."""
    return Change(name, select(exists(select(change.returning(t.id).cte("changed").c.id))), scalar)


_TRASH_TODOS = _any_todo(
    "projects.trash_todos",
    update(_todos)
    .where(*_of_project, t.deleted_at.is_(None))
    .values(deleted_at=_together, version=t.version + 1, updated_at=_together),
)
_RESTORE_TODOS = _any_todo(
    "projects.restore_todos",
    update(_todos)
    .where(*_of_project, t.deleted_at == _together)
    .values(deleted_at=None, version=t.version + 1, updated_at=func.clock_timestamp()),
)

# A common table expression runs once; a subquery after IN might run for each row, and its limit would mean nothing.
_expired = (
    select(p.team_id, p.id)
    .where(p.deleted_at < func.now() - TRASH_KEPT)
    .order_by(p.deleted_at)
    .limit(bindparam("batch", type_=Integer))
    .with_for_update(skip_locked=True)
    .cte("expired")
)
_PURGE = Change(
    "projects.purge",
    delete(projects).where(p.team_id == _expired.c.team_id, p.id == _expired.c.id).returning(p.team_id),
    scalar,
)


async def lock_live(work: Transaction, caller_id: UserId, project_id: ProjectId) -> Project | None:
    """The project, unless it is in the trash or not visible; nobody changes it or puts todos into it any more."""
    return await work.first(_LOCK_LIVE, caller_id=caller_id, id=project_id)


async def lock_trashed(work: Transaction, caller_id: UserId, project_id: ProjectId) -> Project | None:
    """A project in the trash that the caller sees; nobody else changes it until this transaction ends."""
    return await work.first(_LOCK_TRASHED, caller_id=caller_id, id=project_id)


async def trash(work: Transaction, project: Project) -> None:
    """Moves a locked project and its live todos to the trash, under one moment. Two statements."""
    rows = await work.all(_TRASH, key_team_id=project.team_id, key_id=project.id, role=project.role)
    work.touch(of_projects(project.team_id))
    if await work.first(_TRASH_TODOS, team_id=project.team_id, project_id=project.id, moment=rows[0].deleted_at):
        work.touch(*of_todos_in(project.team_id))


async def restore(work: Transaction, project: Project, trashed_at: dt.datetime) -> Project:
    """Brings back a locked project and exactly the todos that went with it. Two statements."""
    if await work.first(_RESTORE_TODOS, team_id=project.team_id, project_id=project.id, moment=trashed_at):
        work.touch(*of_todos_in(project.team_id))
    rows = await work.all(_RESTORE, key_team_id=project.team_id, key_id=project.id, role=project.role)
    work.touch(of_projects(project.team_id))
    return rows[0]


async def purge(work: Transaction, batch: int) -> list[TeamId]:
    """Deletes at most `batch` projects that have been in the trash for thirty days, for good; the team of each."""
    team_ids: list[TeamId] = await work.all(_PURGE, batch=batch)
    for team_id in set(team_ids):
        # A foreign key takes the project off the todos that are in the trash still.
        work.touch(of_projects(team_id), *of_todos_in(team_id))
    return team_ids
