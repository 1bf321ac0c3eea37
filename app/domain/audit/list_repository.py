"""The SQL of reading the audit log as lists: newest first, by keyset.

The partitions are months, and their indexes end in time and id: a page walks one of them in each month that it needs.
"""

from datetime import datetime
from functools import cache
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Text, bindparam, cast, literal_column, select, union_all
from sqlalchemy.sql import ColumnElement

from app.database.executor import Reader
from app.database.newest_first import LIMIT, Walk, walked
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
    walk: Walk


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


@cache
def _page_statement(shape: _Shape) -> Query[Recorded]:
    conditions = [_CONDITIONS[name] for name in shape.filters]
    if shape.outcome is not None:
        conditions.append(_OUTCOMES[shape.outcome])
    return Query("audit_log.page", walked(select(*_COLUMNS).where(*conditions), c.at, c.id, shape.walk), Recorded)


@cache
def _activity_statement(walk: Walk) -> Query[Recorded]:
    by = select(*_COLUMNS).where(c.actor_id == bindparam("person", type_=uuid))
    about = select(*_COLUMNS).where(
        c.subject_kind == literal_column("'user'"),
        c.subject_id == bindparam("person_text", type_=Text),
        c.actor_id.is_distinct_from(bindparam("person", type_=uuid)),
    )
    # Each half walks its own index just as far as a page needs.
    both = union_all(*(walked(half, c.at, c.id, walk) for half in (by, about))).subquery("both")
    order = (both.c.at, both.c.id) if walk is Walk.BACK else (both.c.at.desc(), both.c.id.desc())
    return Query("audit_log.activity", select(both).order_by(*order).limit(LIMIT), Recorded)


async def page(reader: Reader, request: PageRequest, filters: AuditFilter) -> list[Recorded]:
    """Entries newest first (backwards: oldest first) from the position on; one more than the limit."""
    given = {name: value for name in _CONDITIONS if (value := getattr(filters, name)) is not None}
    parameters = {f"filter_{name}": value for name, value in given.items()}
    statement = _page_statement(_Shape(tuple(given), filters.outcome, request.walk))
    return await reader.all(statement, **parameters, **request.place)


async def activity(reader: Reader, person: UserId, request: PageRequest) -> list[Recorded]:
    """What somebody did, and what was done to them, in the same order."""
    return await reader.all(_activity_statement(request.walk), person=person, person_text=str(person), **request.place)
