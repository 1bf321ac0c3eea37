"""The SQL of reading the audit log as lists: newest first, by keyset.

The partitions are months, and their indexes end in time and id: a page walks one of them in each month that it needs.
"""

from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Integer, Select, Text, bindparam, cast, literal_column, select, tuple_, union_all
from sqlalchemy.sql import ColumnElement

from app.database.executor import Reader
from app.database.schema import moment, uuid
from app.database.statements import Query
from app.domain.audit.tables import audit_log
from app.domain.ids import TeamId, UserId
from app.domain.pages import PageRequest

c = audit_log.c


class AuditFilter(Struct, frozen=True):
    """Which entries; what is None lets all through. `since` is in, `until` is out."""

    actor_id: UserId | None = None
    action: str | None = None
    outcome: str | None = None
    subject_kind: str | None = None
    subject_id: str | None = None
    team_id: TeamId | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Recorded(Struct, frozen=True):
    """One entry as it was stored; `changed` is JSON."""

    id: UUID
    at: datetime
    actor_kind: str
    actor_id: UserId | None
    token_id: UUID | None
    action: str
    outcome: str
    subject_kind: str | None
    subject_id: str | None
    team_id: TeamId | None
    request_id: str | None
    address: str | None
    changed: str | None


class _Shape(NamedTuple):
    """Which conditions a list has, and where it goes on; each combination is one statement."""

    filters: tuple[str, ...]
    outcome: str | None
    has_position: bool
    backwards: bool


_COLUMNS = (
    c.id,
    c.at,
    c.actor_kind,
    c.actor_id,
    c.token_id,
    c.action,
    c.outcome,
    c.subject_kind,
    c.subject_id,
    c.team_id,
    c.request_id,
    c.address,
    cast(c.changed, Text).label("changed"),
)
_CONDITIONS: dict[str, ColumnElement[bool]] = {
    **{
        name: c[name] == bindparam(f"filter_{name}", type_=c[name].type)
        for name in ("actor_id", "action", "subject_kind", "subject_id", "team_id", "request_id")
    },
    "since": c.at >= bindparam("filter_since", type_=moment),
    "until": c.at < bindparam("filter_until", type_=moment),
}
# Written into the statement, because a parameter could not use the partial index.
_OUTCOMES = {outcome: c.outcome == literal_column(f"'{outcome}'") for outcome in ("done", "refused")}
_limit = bindparam("limit", type_=Integer)
_here = tuple_(bindparam("value", type_=moment), bindparam("id", type_=uuid))


def _walked(query: Select[Any], shape: _Shape) -> Select[Any]:
    """The rows of a list from a position on, in walking order, one more than a page has."""
    row = tuple_(c.at, c.id)
    if shape.has_position:
        query = query.where(row > _here) if shape.backwards else query.where(row < _here)
    order = (c.at, c.id) if shape.backwards else (c.at.desc(), c.id.desc())
    return query.order_by(*order).limit(_limit)


@cache
def _page_statement(shape: _Shape) -> Query[Recorded]:
    conditions = [_CONDITIONS[name] for name in shape.filters]
    if shape.outcome is not None:
        conditions.append(_OUTCOMES[shape.outcome])
    return Query("audit_log.page", _walked(select(*_COLUMNS).where(*conditions), shape), Recorded)


@cache
def _activity_statement(shape: _Shape) -> Query[Recorded]:
    by = select(*_COLUMNS).where(c.actor_id == bindparam("person", type_=uuid))
    about = select(*_COLUMNS).where(
        c.subject_kind == literal_column("'user'"),
        c.subject_id == bindparam("person_text", type_=Text),
        c.actor_id.is_distinct_from(bindparam("person", type_=uuid)),
    )
    # Each half walks its own index just as far as a page needs.
    both = union_all(_walked(by, shape), _walked(about, shape)).subquery("both")
    order = (both.c.at, both.c.id) if shape.backwards else (both.c.at.desc(), both.c.id.desc())
    return Query("audit_log.activity", select(both).order_by(*order).limit(_limit), Recorded)


async def page(reader: Reader, request: PageRequest, filters: AuditFilter) -> list[Recorded]:
    """Entries newest first (backwards: oldest first) from the position on; one more than the limit."""
    given = {name: value for name in _CONDITIONS if (value := getattr(filters, name)) is not None}
    parameters = {f"filter_{name}": value for name, value in given.items()}
    statement = _page_statement(_shape(request, tuple(given), filters.outcome))
    return await reader.all(statement, **parameters, **_place(request))


async def activity(reader: Reader, person: UserId, request: PageRequest) -> list[Recorded]:
    """What somebody did, and what was done to them, in the same order."""
    statement = _activity_statement(_shape(request))
    return await reader.all(statement, person=person, person_text=str(person), **_place(request))


def _shape(request: PageRequest, filters: tuple[str, ...] = (), outcome: str | None = None) -> _Shape:
    position = request.position
    return _Shape(filters, outcome, position is not None, position is not None and position.backwards)


def _place(request: PageRequest) -> dict[str, Any]:
    position = request.position
    here = {} if position is None else {"value": position.value, "id": position.id}
    return {"limit": request.limit + 1, **here}
