"""The SQL of the trash: into it, out of it, and gone for good after thirty days."""

import datetime as dt
from typing import NamedTuple

from sqlalchemy import (
    DateTime,
    Integer,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from app.database.executor import Transaction
from app.database.schema import uuid
from app.database.statements import Change, scalar
from app.domain.errors import NotFound
from app.domain.ids import TeamId, TodoId, UserId
from app.domain.projects.tables import projects
from app.domain.teams.tables import team_memberships
from app.domain.todos.repository import BY_CALLER, CALLER_ROLE, COLUMNS, LIVE, MAY_WRITE, ONE
from app.domain.todos.tables import deleted_when, todos
from app.domain.todos.todo import Todo

t, m, p = todos.c, team_memberships.c, projects.c


class Trashed(NamedTuple):
    """A todo that went to the trash, and who had created it."""

    id: TodoId
    created_by: UserId | None


_LOCK_TRASHED = Change(
    "todos.lock_trashed",
    select(*COLUMNS, m.role)
    .select_from(team_memberships.join(todos, ONE))
    .where(BY_CALLER, t.deleted_at.is_not(None))
    .with_for_update(of=todos),
    Todo,
)
_key_id = bindparam("key_id", type_=uuid)
_itself_and_subtasks = and_(
    t.team_id == bindparam("key_team_id", type_=uuid),
    or_(t.id == _key_id, t.parent_id == _key_id),
)
# One moment for all rows of the statement, and another one for the next statement of the same transaction.
_moment = select(func.clock_timestamp()).scalar_subquery()
_TRASH = Change(
    "todos.trash",
    update(todos)
    .where(_itself_and_subtasks, LIVE, MAY_WRITE)
    .values(deleted_at=_moment, version=t.version + 1, updated_at=_moment)
    .returning(t.id, t.created_by),
    Trashed,
)
_other = todos.alias("other")
_project_is_live = select(p.id).where(p.team_id == t.team_id, p.id == t.project_id, p.deleted_at.is_(None)).exists()
_parent_is_live = (
    select(_other.c.id)
    .where(_other.c.team_id == t.team_id, _other.c.id == t.parent_id, _other.c.deleted_at.is_(None))
    .exists()
)
# The subtasks that went along come back along; a project or parent that is still in the trash is let go.
_RESTORE = Change(
    "todos.restore",
    update(todos)
    .where(_itself_and_subtasks, t.deleted_at == bindparam("trashed_at", type_=DateTime(timezone=True)), MAY_WRITE)
    .values(
        deleted_at=None,
        version=t.version + 1,
        updated_at=func.clock_timestamp(),
        project_id=case((_project_is_live, t.project_id)),
        parent_id=case((or_(t.parent_id == _key_id, _parent_is_live), t.parent_id)),
    )
    .returning(*COLUMNS, CALLER_ROLE),
    Todo,
)
# A common table expression runs once; a subquery after IN might run for each row, and its limit would mean nothing.
_oldest = (
    select(t.team_id, t.id)
    .where(
        deleted_when.is_not(None),
        deleted_when < func.timezone(literal_column("'UTC'"), func.now() - literal_column("interval '30 days'")),
    )
    .order_by(deleted_when)
    .limit(bindparam("batch", type_=Integer))
    .with_for_update(skip_locked=True)
    .cte("oldest")
)
_PURGE = Change(
    "todos.purge",
    delete(todos).where(t.team_id == _oldest.c.team_id, t.id == _oldest.c.id).returning(t.team_id),
    scalar,
)
_mine = todos.alias("mine")
_surrounding = (
    select(_mine.c.team_id, _mine.c.project_id, _mine.c.parent_id, _mine.c.id)
    .select_from(team_memberships.join(_mine, _mine.c.team_id == m.team_id))
    .where(BY_CALLER, or_(_mine.c.id == _key_id, _mine.c.parent_id == _key_id))
    .cte("surrounding")
)
# What the todos come back to stays out of the trash, or in it, until they are there. Projects before todos, as always.
_LOCK_PROJECTS = Change(
    "todos.lock_projects",
    select(p.id)
    .where(tuple_(p.team_id, p.id).in_(select(_surrounding.c.team_id, _surrounding.c.project_id)))
    .order_by(p.id)
    .with_for_update(read=True, key_share=True),
    scalar,
)
_LOCK_PARENT = Change(
    "todos.lock_parent_of_trashed",
    select(t.id)
    .where(
        tuple_(t.team_id, t.id).in_(
            select(_surrounding.c.team_id, _surrounding.c.parent_id).where(_surrounding.c.id == _key_id)
        )
    )
    .with_for_update(read=True, key_share=True),
    scalar,
)


async def lock_trashed(work: Transaction, caller_id: UserId, todo_id: TodoId) -> Todo | None:
    """A todo in the trash that the caller sees; nobody else changes it until this transaction ends.

    Its projects and its parent keep their places meanwhile. Three statements.
    """
    await work.run(_LOCK_PROJECTS, caller_id=caller_id, key_id=todo_id)
    await work.run(_LOCK_PARENT, caller_id=caller_id, key_id=todo_id)
    return await work.first(_LOCK_TRASHED, caller_id=caller_id, id=todo_id)


async def trash(work: Transaction, caller_id: UserId, todo: Todo) -> list[Trashed]:
    """Moves a locked todo and its subtasks to the trash, under one moment; all of them.

    Raises NotFound if the caller lost it.
    """
    trashed = await work.all(_TRASH, caller_id=caller_id, key_team_id=todo.team_id, key_id=todo.id)
    if not trashed:
        raise NotFound("todo", todo.id)
    return trashed


async def restore(work: Transaction, caller_id: UserId, todo: Todo, trashed_at: dt.datetime) -> list[Todo]:
    """Brings back a locked todo and the subtasks that went to the trash at the same moment."""
    return await work.all(
        _RESTORE,
        caller_id=caller_id,
        key_team_id=todo.team_id,
        key_id=todo.id,
        trashed_at=trashed_at,
        role=todo.role,
    )


async def purge(work: Transaction, batch: int) -> list[TeamId]:
    """Deletes at most `batch` todos that have been in the trash for thirty days, for good; the team of each."""
    return await work.all(_PURGE, batch=batch)
