"""The SQL that stores plain todos of many callers at once."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    Date,
    Double,
    SmallInteger,
    Text,
    and_,
    bindparam,
    case,
    column,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.types import TypeEngine

from app.database.executor import Writer
from app.database.schema import uuid
from app.database.statements import Change
from app.domain.ids import TeamId, TodoId, UserId, uuid7
from app.domain.teams.tables import team_memberships
from app.domain.todos.repository import COLUMNS, last_position
from app.domain.todos.tables import todos
from app.domain.todos.todo import Todo, TodoDraft

t, m = todos.c, team_memberships.c


class Creation(msgspec.Struct, frozen=True, eq=False):
    """One plain todo that its caller wants to have in a team; two that look alike are two."""

    caller_id: UserId
    team_id: TeamId
    draft: TodoDraft


_GIVEN: dict[str, TypeEngine[Any]] = {
    "id": uuid,
    "caller_id": uuid,
    "team_id": uuid,
    "title": Text(),
    "description": Text(),
    "status": Text(),
    "priority": SmallInteger(),
    "due_date": Date(),
    "assignee_id": uuid,
    "position": Double(),
}
_given = (
    func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in _GIVEN.items()))
    .table_valued(*(column(name, kind) for name, kind in _GIVEN.items()))
    .render_derived("given")
)
_g = _given.c
_role_of_creator = (
    select(m.role)
    .where(m.user_id == literal_column("todos.created_by"), m.team_id == literal_column("todos.team_id"))
    .scalar_subquery()
)
_INSERT_MANY = Change(
    "todos.insert_many",
    insert(todos)
    .from_select(
        [
            *("id", "created_by", "team_id", "title", "description", "status", "priority", "due_date", "assignee_id"),
            *("position", "completed_at"),
        ],
        select(
            *(_g.id, m.user_id, m.team_id, _g.title, _g.description, _g.status, _g.priority, _g.due_date),
            _g.assignee_id,
            func.coalesce(_g.position, last_position),
            case((_g.status == "done", func.now())),
        ).select_from(
            _given.join(team_memberships, and_(m.user_id == _g.caller_id, m.team_id == _g.team_id, m.role != "viewer"))
        ),
    )
    .returning(*COLUMNS, _role_of_creator),
    Todo,
)


async def insert_many(work: Writer, creations: Sequence[Creation]) -> dict[Creation, Todo]:
    """Stores the new todos of those who may write where they want to; the others are not in the answer.

    Raises ConstraintViolated. One statement.
    """
    by_id = {TodoId(uuid7()): creation for creation in creations}
    drafts = [creation.draft for creation in creations]
    stored = await work.all(
        _INSERT_MANY,
        id=list(by_id),
        caller_id=[creation.caller_id for creation in creations],
        team_id=[creation.team_id for creation in creations],
        title=[draft.title for draft in drafts],
        description=[draft.description for draft in drafts],
        status=[draft.status for draft in drafts],
        priority=[draft.priority for draft in drafts],
        due_date=[draft.due_date for draft in drafts],
        assignee_id=[draft.assignee_id for draft in drafts],
        position=[draft.position for draft in drafts],
    )
    return {by_id[todo.id]: todo for todo in stored}
