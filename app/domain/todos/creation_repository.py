"""The SQL that stores plain todos of many callers at once."""

from collections.abc import Mapping, Sequence
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


_NEEDED: dict[str, TypeEngine[Any]] = {"id": uuid, "caller_id": uuid, "team_id": uuid, "title": Text()}
_OPTIONAL: dict[str, TypeEngine[Any]] = {
    "description": Text(),
    "status": Text(),
    "priority": SmallInteger(),
    "due_date": Date(),
    "assignee_id": uuid,
    "position": Double(),
}
# What a draft says that has only a title; the columns have the same by themselves.
_UNSAID: dict[str, object] = {name: getattr(TodoDraft(title=""), name) for name in _OPTIONAL}
_role_of_creator = (
    select(m.role)
    .where(m.user_id == literal_column("todos.created_by"), m.team_id == literal_column("todos.team_id"))
    .scalar_subquery()
)


def _insert_many(optional: Mapping[str, TypeEngine[Any]]) -> Change[Todo]:
    kinds = {**_NEEDED, **optional}
    given = (
        func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in kinds.items()))
        .table_valued(*(column(name, kind) for name, kind in kinds.items()))
        .render_derived("given")
    )
    g = given.c
    values: dict[str, Any] = {"id": g.id, "created_by": m.user_id, "team_id": m.team_id, "title": g.title}
    values |= {name: g[name] for name in optional}
    if optional:
        values["position"] = func.coalesce(g.position, last_position)
        values["completed_at"] = case((g.status == "done", func.now()))
    may_write = and_(m.user_id == g.caller_id, m.team_id == g.team_id, m.role != "viewer")
    rows = select(*values.values()).select_from(given.join(team_memberships, may_write))
    statement = insert(todos).from_select([*values], rows).returning(*COLUMNS, _role_of_creator)
    return Change("todos.insert_many", statement, Todo)


# A column costs asyncpg some 5 µs a batch, and many new todos are a title. A statement for each set of columns would
# cost more: 180 KB in each backend, and 3 ms where one is met for the first time (November 2026).
_INSERT_TITLES = _insert_many({})
_INSERT_MANY = _insert_many(_OPTIONAL)


async def insert_many(work: Writer, creations: Sequence[Creation]) -> dict[Creation, Todo]:
    """Stores the new todos of those who may write where they want to; the others are not in the answer.

    Raises ConstraintViolated. One statement.
    """
    by_id = {TodoId(uuid7()): creation for creation in creations}
    drafts = [creation.draft for creation in creations]
    optional = {name: [getattr(draft, name) for draft in drafts] for name in _OPTIONAL}
    is_unsaid = all(values.count(_UNSAID[name]) == len(values) for name, values in optional.items())
    stored = await work.all(
        _INSERT_TITLES if is_unsaid else _INSERT_MANY,
        id=list(by_id),
        caller_id=[creation.caller_id for creation in creations],
        team_id=[creation.team_id for creation in creations],
        title=[draft.title for draft in drafts],
        **optional,
    )
    return {by_id[todo.id]: todo for todo in stored}
