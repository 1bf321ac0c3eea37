"""The SQL of lists of tags.

A list starts at the caller's memberships and, for each team, walks the team's names in order just far enough; the few
rows of each walk are then merged. One statement is compiled for each shape of a list.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, Text, bindparam, func, select, true, tuple_

from app.database.executor import Reader
from app.database.schema import uuid
from app.database.statements import Query, scalar
from app.domain.pages import NumberedPage, Page, PageRequest, page_from
from app.domain.tags.repository import BY_CALLER, COLUMNS
from app.domain.tags.tag import Tag, TagList
from app.domain.teams.tables import team_memberships
from app.domain.todos.tables import tags

g, m = tags.c, team_memberships.c

_limit = bindparam("row_limit", type_=Integer)
_place = tuple_(bindparam("position_value", type_=Text), bindparam("position_id", type_=uuid))


@dataclass(frozen=True)
class _Shape:
    """What the SQL of a list depends on."""

    one_team: bool
    descending: bool
    from_position: bool = False
    numbered: bool = False


async def page(reader: Reader, tag_list: TagList, request: PageRequest) -> Page[Tag]:
    """The tags of the list from the requested position. One statement."""
    position, parameters = request.position, _parameters(tag_list)
    backwards = position is not None and position.backwards
    if position is not None:
        parameters |= {"position_value": position.value, "position_id": position.id}
    shape = _Shape(
        one_team=tag_list.team_id is not None,
        descending=tag_list.sort.descending is not backwards,
        from_position=position is not None,
    )
    rows = await reader.all(_page_query(shape), row_limit=request.limit + 1, **parameters)
    return page_from(rows, request, lambda tag: (tag.key, tag.id))


async def numbered(reader: Reader, tag_list: TagList, number: int, size: int) -> NumberedPage[Tag]:
    """Page `number` of the list, and how many tags it has. Two statements; the cost grows with the page number."""
    shape = _Shape(one_team=tag_list.team_id is not None, descending=tag_list.sort.descending, numbered=True)
    skip = (number - 1) * size
    rows = await reader.all(_page_query(shape), row_limit=skip + size, skip=skip, size=size, **_parameters(tag_list))
    return NumberedPage(rows, number, size, await count(reader, tag_list))


async def count(reader: Reader, tag_list: TagList) -> int:
    """How many tags the list has in all. One statement, whose cost grows with the answer."""
    query = _count_query(one_team=tag_list.team_id is not None)
    return await reader.first(query, **_parameters(tag_list)) or 0


def _parameters(tag_list: TagList) -> dict[str, Any]:
    team = {} if tag_list.team_id is None else {"team_id": tag_list.team_id}
    return {"caller_id": tag_list.caller_id, **team}


def _teams(*, one_team: bool) -> list[ColumnElement[bool]]:
    return [BY_CALLER, m.team_id == bindparam("team_id", type_=uuid)] if one_team else [BY_CALLER]


def _ordered(query: Select[Any], by: tuple[ColumnElement[Any], ...], *, descending: bool) -> Select[Any]:
    return query.order_by(*(each.desc() if descending else each.asc() for each in by))


@cache
def _page_query(shape: _Shape) -> Query[Tag]:
    down = shape.descending
    one_team = select(*COLUMNS).where(g.team_id == m.team_id)
    if shape.from_position:
        here = tuple_(g.key, g.id)
        one_team = one_team.where(here < _place if down else here > _place)
    walk = _ordered(one_team, (g.key, g.id), descending=down).limit(_limit).correlate(team_memberships).lateral("walk")
    merged = select(*walk.c, m.role).join_from(team_memberships, walk, true()).where(*_teams(one_team=shape.one_team))
    query = _ordered(merged, (walk.c.key, walk.c.id), descending=down).limit(_limit)
    if shape.numbered:  # each walk went as far as the page lies; of all of them together, one page is shown
        query = query.offset(bindparam("skip", type_=Integer)).limit(bindparam("size", type_=Integer))
        return Query("tags.numbered", query, Tag)
    return Query("tags.page", query, Tag)


@cache
def _count_query(*, one_team: bool) -> Query[int]:
    query = select(func.count()).select_from(team_memberships.join(tags, g.team_id == m.team_id))
    return Query("tags.count", query.where(*_teams(one_team=one_team)), scalar)
