"""The SQL of lists of todos.

Every list starts at the caller's memberships and, for each team (and each status asked for), walks one index in the
list's order just far enough, or looks up tags and words; the few rows of each walk are then merged. So a todo that the
caller cannot see is not even read, and no list sorts more than its page, or what was looked up. One statement is
compiled for each shape: the set of conditions, the order, the direction, with or without a starting position.
"""

import datetime as dt
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    Date,
    DateTime,
    Double,
    Integer,
    Select,
    SmallInteger,
    Text,
    bindparam,
    column,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.sql import ColumnElement

from app.database.executor import Reader
from app.database.schema import uuid
from app.database.statements import Query, scalar
from app.domain.pages import NumberedPage, Page, PageRequest, page_from
from app.domain.teams.tables import team_memberships
from app.domain.text import fold
from app.domain.todos.filter import TodoList
from app.domain.todos.repository import BY_CALLER, COLUMNS, LIVE
from app.domain.todos.tables import due_or_never, tags, todos
from app.domain.todos.todo import Todo

t, m = todos.c, team_memberships.c

_SHAPES_KEPT = 1024
_moment = DateTime(timezone=True)
_SORT_COLUMNS: dict[str, tuple[ColumnElement[Any], Any]] = {
    "created_at": (t.created_at, _moment),
    "updated_at": (t.updated_at, _moment),
    "deleted_at": (t.deleted_at, _moment),
    "due_date": (due_or_never, Date),
    "priority": (t.priority, SmallInteger),
    "position": (t.position, Double),
}
_wanted = (
    func.unnest(bindparam("statuses", type_=ARRAY(Text))).table_valued(column("status", Text)).render_derived("wanted")
)
# The spelling of the wanted tags in this team: todos carry names as the team spells them.
_wanted_tags = (
    select(func.coalesce(func.array_agg(tags.c.name), literal_column("'{}'::text[]")))
    .where(tags.c.team_id == m.team_id, tags.c.key == func.any(bindparam("tags", type_=ARRAY(Text))))
    .correlate(team_memberships)
    .scalar_subquery()
)
_CONDITIONS: dict[str, ColumnElement[bool]] = {
    "project_id": t.project_id == bindparam("project_id", type_=uuid),
    "parent_id": t.parent_id == bindparam("parent_id", type_=uuid),
    "assignee_id": t.assignee_id == bindparam("assignee_id", type_=uuid),
    "created_by": t.created_by == bindparam("created_by", type_=uuid),
    "statuses": t.status == _wanted.c.status,
    "priorities": t.priority == func.any(bindparam("priorities", type_=ARRAY(SmallInteger))),
    "tags": t.tags.op("&&")(_wanted_tags),
    "due_from": t.due_date >= bindparam("due_from", type_=Date),
    "due_after": t.due_date > bindparam("due_after", type_=Date),
    "due_before": t.due_date < bindparam("due_before", type_=Date),
    "updated_since": t.updated_at >= bindparam("updated_since", type_=_moment),
    "external_id": t.external_id == bindparam("external_id", type_=Text),
    "q": t.search.op("@@")(
        func.websearch_to_tsquery(literal_column("'simple'::regconfig"), bindparam("q", type_=Text))
    ),
    # As the partial index says it.
    "unfinished_and_due": literal_column("todos.due_date IS NOT NULL AND todos.status NOT IN ('done', 'cancelled')"),
}
# What fits these is looked up first, apart from its order (which OFFSET 0 keeps PostgreSQL from mixing in): a plan for
# any words and any page would rather walk all of a team's todos in that order.
_LOOKED_UP = {"q", "tags"}


class _Shape(msgspec.Struct, frozen=True):
    conditions: tuple[str, ...]
    sort_field: str
    descending: bool
    from_position: bool = False
    numbered: bool = False


async def page(reader: Reader, todo_list: TodoList, request: PageRequest) -> Page[Todo]:
    """The todos of the list from the requested position. One statement."""
    position = request.position
    backwards = position is not None and position.backwards
    conditions = todo_list.filter.active()
    shape = _Shape(
        conditions,
        todo_list.sort.field,
        descending=todo_list.sort.descending is not backwards,
        from_position=position is not None,
    )
    parameters = _parameters(todo_list, conditions)
    if position is not None:
        parameters |= {"position_value": position.value, "position_id": position.id}
    rows = await reader.all(_page_query(shape), row_limit=request.limit + 1, **parameters)
    return page_from(rows, request, lambda todo: (_sort_value(todo, shape.sort_field), todo.id))


async def numbered(reader: Reader, todo_list: TodoList, number: int, size: int) -> NumberedPage[Todo]:
    """Page `number` of the list, and how many todos it has. Two statements; the cost grows with the page number."""
    conditions = todo_list.filter.active()
    shape = _Shape(conditions, todo_list.sort.field, todo_list.sort.descending, numbered=True)
    parameters = _parameters(todo_list, conditions)
    skip = (number - 1) * size
    rows = await reader.all(_page_query(shape), row_limit=skip + size, skip=skip, size=size, **parameters)
    return NumberedPage(rows, number, size, await count(reader, todo_list))


async def count(reader: Reader, todo_list: TodoList) -> int:
    """How many todos the list has in all. One statement, whose cost grows with the answer."""
    conditions = todo_list.filter.active()
    total = await reader.first(_count_query(conditions), **_parameters(todo_list, conditions))
    return total or 0


def _parameters(todo_list: TodoList, conditions: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(todo_list.filter, name) for name in conditions}
    if "statuses" in values:
        values["statuses"] = list(dict.fromkeys(values["statuses"]))  # each status is walked once
    if "tags" in values:
        values["tags"] = [fold(name) for name in values["tags"]]
    return {"caller_id": todo_list.caller_id, **values}


def _sort_value(todo: Todo, field: str) -> Any:
    value = getattr(todo, field)
    return dt.date.max if value is None else value  # asyncpg writes date.max as Postgres' infinity


def _inner_conditions(conditions: tuple[str, ...]) -> list[ColumnElement[bool]]:
    life = t.deleted_at.is_not(None) if "trashed" in conditions else LIVE
    return [t.team_id == m.team_id, life, *(_CONDITIONS[name] for name in conditions if name in _CONDITIONS)]


def _sources(conditions: tuple[str, ...]) -> tuple[Any, list[ColumnElement[bool]]]:
    sources: Any = team_memberships
    if "statuses" in conditions:
        sources = sources.join(_wanted, literal_column("true"))
    outer = [BY_CALLER]
    if "team_id" in conditions:
        outer.append(m.team_id == bindparam("team_id", type_=uuid))
    return sources, outer


@lru_cache(maxsize=_SHAPES_KEPT)
def _page_query(shape: _Shape) -> Query[Todo]:
    sort_column, kind = _SORT_COLUMNS[shape.sort_field]
    if shape.sort_field == "due_date" and "unfinished_and_due" in shape.conditions:
        sort_column = t.due_date
    where = _inner_conditions(shape.conditions)
    if shape.from_position:
        key = tuple_(sort_column, t.id)
        place = tuple_(bindparam("position_value", type_=kind), bindparam("position_id", type_=uuid))
        where.append(key < place if shape.descending else key > place)
    sources, outer = _sources(shape.conditions)
    chosen: Select[Any] = select(*COLUMNS, sort_column.label("sort_value")).where(*where)
    chosen = chosen.correlate(team_memberships, _wanted)
    order: tuple[ColumnElement[Any], ...] = (sort_column, t.id)
    if not _LOOKED_UP.isdisjoint(shape.conditions):
        found = chosen.offset(literal_column("0")).lateral("found")
        chosen, order = select(*found.c), (found.c.sort_value, found.c.id)
    walk = (
        chosen.order_by(*_ordered(order, descending=shape.descending))
        .limit(bindparam("row_limit", type_=Integer))
        .lateral("walk")
    )
    merged = (
        select(*(walk.c[known.name] for known in COLUMNS), m.role)
        .select_from(sources.join(walk, literal_column("true")))
        .where(*outer)
        .order_by(*_ordered((walk.c.sort_value, walk.c.id), descending=shape.descending))
        .limit(bindparam("row_limit", type_=Integer))
    )
    if shape.numbered:  # each walk went as far as the page lies; of all of them together, one page is shown
        merged = merged.offset(bindparam("skip", type_=Integer)).limit(bindparam("size", type_=Integer))
    return Query("todos.numbered" if shape.numbered else "todos.page", merged, Todo)


@lru_cache(maxsize=_SHAPES_KEPT)
def _count_query(conditions: tuple[str, ...]) -> Query[int]:
    sources, outer = _sources(conditions)
    statement = (
        select(func.count())
        .select_from(sources.join(todos, t.team_id == m.team_id))
        .where(*outer, *_inner_conditions(conditions))
    )
    return Query("todos.count", statement, scalar)


def _ordered(columns: tuple[ColumnElement[Any], ...], *, descending: bool) -> list[ColumnElement[Any]]:
    return [column.desc() if descending else column.asc() for column in columns]
