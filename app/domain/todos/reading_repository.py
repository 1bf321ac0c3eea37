"""The SQL that reads single todos for many callers at once, each through a membership of its own."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, and_, bindparam, column, func, select

from app.database.executor import Reader
from app.database.schema import uuid
from app.database.statements import Query
from app.domain.ids import TodoId, UserId
from app.domain.teams.tables import team_memberships
from app.domain.todos.repository import COLUMNS, LIVE
from app.domain.todos.tables import todos
from app.domain.todos.todo import Todo

t, m = todos.c, team_memberships.c

Asked = tuple[UserId, TodoId]
"""Who asks for which todo."""

_asked = (
    func.unnest(bindparam("caller_ids", type_=ARRAY(uuid)), bindparam("ids", type_=ARRAY(uuid)))
    .table_valued(column("caller_id", uuid), column("id", uuid))
    .render_derived("asked")
)


def _answer(caller_id: UserId, *values: Any) -> tuple[Asked, Todo]:
    todo = Todo(*values)
    return (caller_id, todo.id), todo


_GET_MANY = Query(
    "todos.get_many",
    select(_asked.c.caller_id, *COLUMNS, m.role)
    .select_from(
        _asked.join(team_memberships, m.user_id == _asked.c.caller_id).join(
            todos, and_(t.team_id == m.team_id, t.id == _asked.c.id)
        )
    )
    .where(LIVE),
    _answer,
)


async def get_many(reader: Reader, asked: Sequence[Asked]) -> dict[Asked, Todo]:
    """As `get`, for several callers at once; what one of them cannot see is not there for them. One statement."""
    caller_ids, ids = [caller_id for caller_id, _ in asked], [todo_id for _, todo_id in asked]
    return dict(await reader.all(_GET_MANY, caller_ids=caller_ids, ids=ids))
