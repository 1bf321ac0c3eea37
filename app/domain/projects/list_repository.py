"""The SQL of lists of projects.

A list starts at the caller's memberships and, for each team, walks one index in the list's order just far enough;
the few rows of each walk are then merged. One statement is compiled for each shape: the set of conditions, the
order, the direction, with or without a starting position.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Double, FromClause, Integer, Select, Text, bindparam, func, select, true, tuple_

from app.database.executor import Reader
from app.database.schema import moment, uuid
from app.database.statements import Query, scalar
from app.domain.pages import NumberedPage, Page, PageRequest, Sort, page_from
from app.domain.projects.filter import ProjectList
from app.domain.projects.project import Project
from app.domain.projects.repository import BY_CALLER, COLUMNS, LIVE
from app.domain.projects.tables import projects
from app.domain.teams.tables import team_memberships

p, m = projects.c, team_memberships.c

_SORT_COLUMNS: dict[str, tuple[ColumnElement[Any], Any]] = {
    "created_at": (p.created_at, moment),
    "position": (p.position, Double),
    "deleted_at": (p.deleted_at, moment),
}
_CONDITIONS: dict[str, ColumnElement[bool]] = {
    "team_id": m.team_id == bindparam("team_id", type_=uuid),
    "status": p.status == bindparam("status", type_=Text),
    "user_id": p.user_id == bindparam("user_id", type_=uuid),
}
_limit = bindparam("row_limit", type_=Integer)


@dataclass(frozen=True)
class _Shape:
    """What the SQL of a list depends on: at most 2^3 conditions, 3 orders, 2 directions, 3 ways to page, 2 places."""

    conditions: tuple[str, ...]
    trashed: bool
    sort: Sort
    from_position: bool = False
    numbered: bool = False


async def page(reader: Reader, projects_list: ProjectList, request: PageRequest) -> Page[Project]:
    """The projects of the list from the requested position. One statement."""
    position, parameters = request.position, _parameters(projects_list)
    backwards = position is not None and position.backwards
    sort = projects_list.sort
    walk = Sort(sort.field, descending=sort.descending is not backwards)
    if position is not None:
        parameters |= {"position_value": position.value, "position_id": position.id}
    shape = _Shape(_conditions(projects_list), projects_list.filter.trashed, walk, from_position=position is not None)
    rows = await reader.all(_page_query(shape), row_limit=request.limit + 1, **parameters)
    return page_from(rows, request, lambda project: (getattr(project, sort.field), project.id))


async def numbered(reader: Reader, projects_list: ProjectList, number: int, size: int) -> NumberedPage[Project]:
    """Page `number` of the list, and how many projects it has. Two statements; the cost grows with the page number."""
    shape = _Shape(_conditions(projects_list), projects_list.filter.trashed, projects_list.sort, numbered=True)
    skip = (number - 1) * size
    window = {"row_limit": skip + size, "skip": skip, "size": size}
    rows = await reader.all(_page_query(shape), **window, **_parameters(projects_list))
    return NumberedPage(rows, number, size, await count(reader, projects_list))


async def count(reader: Reader, projects_list: ProjectList) -> int:
    """How many projects the list has in all. One statement, whose cost grows with the answer."""
    query = _count_query(_conditions(projects_list), trashed=projects_list.filter.trashed)
    return await reader.first(query, **_parameters(projects_list)) or 0


def _conditions(projects_list: ProjectList) -> tuple[str, ...]:
    return tuple(name for name in _CONDITIONS if getattr(projects_list.filter, name) is not None)


def _parameters(projects_list: ProjectList) -> dict[str, Any]:
    values = {name: getattr(projects_list.filter, name) for name in _conditions(projects_list)}
    return {"caller_id": projects_list.caller_id, **values}


def _where(conditions: tuple[str, ...], *, trashed: bool) -> list[ColumnElement[bool]]:
    life = p.deleted_at.is_not(None) if trashed else LIVE
    return [p.team_id == m.team_id, life, *(_CONDITIONS[name] for name in conditions)]


def _ordered(query: Select[Any], by: tuple[ColumnElement[Any], ...], sort: Sort) -> Select[Any]:
    return query.order_by(*(each.desc() if sort.descending else each.asc() for each in by))


def _walk(shape: _Shape) -> FromClause:
    """The index walk of one team, as far as the page could need it."""
    column, kind = _SORT_COLUMNS[shape.sort.field]
    here = tuple_(column, p.id)
    query = select(*COLUMNS).where(*_where(shape.conditions, trashed=shape.trashed))
    if shape.from_position:
        place = tuple_(bindparam("position_value", type_=kind), bindparam("position_id", type_=uuid))
        query = query.where(here < place if shape.sort.descending else here > place)
    return _ordered(query, (column, p.id), shape.sort).limit(_limit).correlate(team_memberships).lateral("walk")


@cache
def _page_query(shape: _Shape) -> Query[Project]:
    walk = _walk(shape)
    merged = select(*walk.c, m.role).join_from(team_memberships, walk, true()).where(BY_CALLER)
    query = _ordered(merged, (walk.c[shape.sort.field], walk.c.id), shape.sort).limit(_limit)
    if shape.numbered:  # each walk went as far as the page lies; of all of them together, one page is shown
        query = query.offset(bindparam("skip", type_=Integer)).limit(bindparam("size", type_=Integer))
        return Query("projects.numbered", query, Project)
    return Query("projects.page", query, Project)


@cache
def _count_query(conditions: tuple[str, ...], *, trashed: bool) -> Query[int]:
    condition = _where(conditions, trashed=trashed)
    query = select(func.count()).select_from(team_memberships.join(projects, true())).where(BY_CALLER, *condition)
    return Query("projects.count", query, scalar)
