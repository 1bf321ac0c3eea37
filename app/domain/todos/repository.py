"""The SQL of single todos. Each statement reaches a todo through the caller's membership in its team."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    Date,
    Double,
    SmallInteger,
    Text,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import TypeEngine

from app.database.executor import Reader, Transaction, Writer
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.errors import Conflict, Invalid, NotFound, invalid
from app.domain.ids import ProjectId, TeamId, TodoId, UserId, uuid7
from app.domain.projects.tables import projects
from app.domain.teams.tables import team_memberships
from app.domain.todos.tables import todos
from app.domain.todos.todo import Todo, TodoDraft
from app.domain.unit_of_work import ConstraintErrors, refusals


class ParentState(NamedTuple):
    """What decides whether a todo can be somebody's parent."""

    parent_id: TodoId | None
    child_has_children: bool


t, m, p = todos.c, team_memberships.c, projects.c

COLUMNS = (
    t.team_id,
    t.id,
    t.project_id,
    t.parent_id,
    t.title,
    t.description,
    t.status,
    t.priority,
    t.due_date,
    t.assignee_id,
    t.tags,
    t.position,
    t.external_id,
    t.created_by,
    t.version,
    t.created_at,
    t.updated_at,
    t.completed_at,
    t.deleted_at,
)
BY_CALLER = m.user_id == bindparam("caller_id", type_=uuid)
ONE = and_(t.team_id == m.team_id, t.id == bindparam("id", type_=uuid))
LIVE = t.deleted_at.is_(None)
CALLER_ROLE = bindparam("role", type_=Text)
KEY = and_(t.team_id == bindparam("key_team_id", type_=uuid), t.id == bindparam("key_id", type_=uuid))

# Asked again by the statement that writes: a member who was removed while the lock was waited for writes nothing.
MAY_WRITE = (
    select(literal_column("1"))
    .select_from(team_memberships)
    .where(BY_CALLER, m.team_id == t.team_id, m.role != "viewer")
    .correlate(todos)
    .exists()
)

_GET = Query(
    "todos.get", select(*COLUMNS, m.role).select_from(team_memberships.join(todos, ONE)).where(BY_CALLER, LIVE), Todo
)
_LOCK = Change(
    "todos.lock",
    select(*COLUMNS, m.role)
    .select_from(team_memberships.join(todos, ONE))
    .where(BY_CALLER, LIVE)
    .with_for_update(of=todos),
    Todo,
)
_LOCK_MANY = Change(
    "todos.lock_many",
    select(t.id)
    .select_from(team_memberships.join(todos, t.team_id == m.team_id))
    .where(BY_CALLER, t.id == func.any(bindparam("ids", type_=ARRAY(uuid))))
    .order_by(t.team_id, t.id)
    .with_for_update(of=todos),
    scalar,
)
_ROLE_IN_TEAM = Query(
    "todos.role_in_team", select(m.role).where(BY_CALLER, m.team_id == bindparam("team_id", type_=uuid)), scalar
)
# Holds the project out of the trash until the todo is in it; who is putting it there now is waited for.
_LOCK_PROJECT = Change(
    "todos.lock_project",
    select(p.team_id)
    .select_from(
        team_memberships.join(projects, and_(p.team_id == m.team_id, p.id == bindparam("project_id", type_=uuid)))
    )
    .where(BY_CALLER, p.deleted_at.is_(None))
    .with_for_update(read=True, key_share=True, of=projects),
    scalar,
)
_WRITABLE: dict[str, TypeEngine[Any]] = {
    "title": Text(),
    "description": Text(),
    "status": Text(),
    "priority": SmallInteger(),
    "due_date": Date(),
    "assignee_id": uuid,
    "project_id": uuid,
    "parent_id": uuid,
    "tags": ARRAY(Text),
    "external_id": Text(),
}
_completed = case((bindparam("status", type_=Text) == "done", func.now()))
last_position: ColumnElement[float] = literal_column("EXTRACT(epoch FROM clock_timestamp())")
_role_of_caller = select(m.role).where(BY_CALLER, m.team_id == literal_column("todos.team_id")).scalar_subquery()
# A viewer and a stranger insert nothing: the row is selected from the memberships that may write.
_INSERT = Change(
    "todos.insert",
    insert(todos)
    .from_select(
        [*_WRITABLE, "team_id", "id", "created_by", "position", "completed_at"],
        select(
            *(bindparam(name, type_=kind) for name, kind in _WRITABLE.items()),
            m.team_id,
            bindparam("id", type_=uuid),
            m.user_id,
            func.coalesce(bindparam("position", type_=Double), last_position),
            _completed,
        ).where(BY_CALLER, m.team_id == bindparam("team_id", type_=uuid), m.role != "viewer"),
    )
    .returning(*COLUMNS, _role_of_caller),
    Todo,
)
_UPDATE = Change(
    "todos.update",
    update(todos)
    .where(KEY, MAY_WRITE)
    .values(
        **{name: bindparam(name, type_=kind) for name, kind in _WRITABLE.items()},
        position=bindparam("position", type_=Double),
        completed_at=case(
            (bindparam("status", type_=Text) == "done", func.coalesce(t.completed_at, func.clock_timestamp()))
        ),
        version=t.version + 1,
        # Not now(), the start of the transaction: after a wait for the lock it would lie before changes already seen.
        updated_at=func.clock_timestamp(),
    )
    .returning(*COLUMNS, CALLER_ROLE),
    Todo,
)
_other = todos.alias("other")
_child = select(_other.c.id).where(
    _other.c.team_id == t.team_id, _other.c.parent_id == bindparam("child_id", type_=uuid)
)
_LOCK_PARENT = Change(
    "todos.lock_parent",
    select(t.parent_id, _child.exists())
    .select_from(team_memberships.join(todos, t.team_id == m.team_id))
    .where(BY_CALLER, KEY, LIVE)
    .with_for_update(read=True, of=todos),
    ParentState,
)


def unknown_team() -> Invalid:
    """The refusal of a team that the caller is not in, or that is gone."""
    return invalid("#/team_id", "UNKNOWN_TEAM", "team_id must be one of your teams.")


REFUSALS: ConstraintErrors = {
    "fk_todos_team_id": unknown_team,  # The team was deleted meanwhile.
    "fk_todos_project": lambda: invalid(
        "#/project_id", "UNKNOWN_PROJECT", "project_id must be a project of the todo's team."
    ),
    "fk_todos_parent": lambda: invalid("#/parent_id", "UNKNOWN_PARENT", "parent_id must be a todo of the same team."),
    "fk_todos_assignee": lambda: invalid(
        "#/assignee_id", "NOT_A_MEMBER", "assignee_id must be a member of the todo's team."
    ),
    "uq_todos_external_id": lambda: Conflict(
        "The team already has a todo with this external_id, perhaps in the trash.", code="EXTERNAL_ID_TAKEN"
    ),
}


async def get(reader: Reader, caller_id: UserId, todo_id: TodoId) -> Todo | None:
    """The todo, unless it is in the trash or the caller cannot see it."""
    return await reader.first(_GET, caller_id=caller_id, id=todo_id)


async def lock(work: Transaction, caller_id: UserId, todo_id: TodoId) -> Todo | None:
    """As `get`, and nobody else changes it until this transaction ends."""
    return await work.first(_LOCK, caller_id=caller_id, id=todo_id)


async def lock_many(work: Transaction, caller_id: UserId, todo_ids: Iterable[TodoId]) -> None:
    """Locks what the caller sees of `todo_ids` in one order for everybody, so that two writers cannot deadlock."""
    await work.all(_LOCK_MANY, caller_id=caller_id, ids=list(todo_ids))


async def lock_parent(
    work: Transaction, caller_id: UserId, team_id: TeamId, parent_id: TodoId, *, child_id: TodoId | None
) -> ParentState | None:
    """The state of a parent to be, which stays as it is until this transaction ends; None if there is none."""
    return await work.first(_LOCK_PARENT, caller_id=caller_id, key_team_id=team_id, key_id=parent_id, child_id=child_id)


async def role_in_team(reader: Reader, caller_id: UserId, team_id: TeamId) -> str | None:
    """The caller's role in the team, or None."""
    return await reader.first(_ROLE_IN_TEAM, caller_id=caller_id, team_id=team_id)


async def team_of_project(work: Transaction, caller_id: UserId, project_id: ProjectId) -> TeamId | None:
    """The team of a live project that the caller sees, or None; it stays live until this transaction ends."""
    return await work.first(_LOCK_PROJECT, caller_id=caller_id, project_id=project_id)


async def insert_todo(
    work: Writer, caller_id: UserId, team_id: TeamId, draft: TodoDraft, *, tags: list[str]
) -> Todo | None:
    """Stores a new todo; None if the caller may not write in that team. `tags` are spelled as the team spells them."""
    with refusals(REFUSALS):
        return await work.first(
            _INSERT,
            id=uuid7(),
            caller_id=caller_id,
            team_id=team_id,
            tags=tags,
            title=draft.title,
            description=draft.description,
            status=draft.status,
            priority=draft.priority,
            due_date=draft.due_date,
            project_id=draft.project_id,
            parent_id=draft.parent_id,
            assignee_id=draft.assignee_id,
            position=draft.position,
            external_id=draft.external_id,
        )


async def update_todo(work: Transaction, caller_id: UserId, todo: Todo) -> Todo:
    """Stores the changeable fields of a locked todo as its next version. Raises NotFound if the caller has lost it."""
    values = {name: getattr(todo, name) for name in (*_WRITABLE, "position")}
    with refusals(REFUSALS):
        updated = await work.first(
            _UPDATE, caller_id=caller_id, key_team_id=todo.team_id, key_id=todo.id, role=todo.role, **values
        )
    if updated is None:
        raise NotFound("todo", todo.id)
    return updated
