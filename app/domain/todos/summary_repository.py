"""The SQL of what is said about many todos at once: counts, and the things that a page of them points at."""

import datetime as dt
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import ARRAY, Date, Text, and_, bindparam, func, literal_column, select, true
from sqlalchemy.sql import ColumnElement

from app.database.executor import Reader
from app.database.schema import uuid
from app.database.statements import Query
from app.domain.ids import TeamId, UserId
from app.domain.projects.tables import projects
from app.domain.teams.tables import team_memberships
from app.domain.text import fold
from app.domain.todos.repository import BY_CALLER, LIVE
from app.domain.todos.tables import tags, todos
from app.domain.todos.todo import (
    PersonSummary,
    Priority,
    ProjectSummary,
    Status,
    TagSummary,
    Todo,
    TodoReferences,
    TodoStats,
)
from app.domain.users.tables import users

t, m = todos.c, team_memberships.c


def _count(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count().filter(and_(*conditions))


_today = bindparam("today", type_=Date)
_unfinished: ColumnElement[bool] = literal_column("todos.status NOT IN ('done', 'cancelled')")


_NUMBERS = (
    "total",
    *(status.value for status in Status),
    "overdue",
    "due_today",
    "completed_last_7_days",
)


def _stats(*numbers: int) -> TodoStats:
    first_priority = len(numbers) - len(Priority)
    named = dict(zip(_NUMBERS, numbers[:first_priority], strict=True))
    by_priority = zip(Priority, numbers[first_priority:], strict=True)
    return TodoStats(**named, priorities={priority.name.lower(): number for priority, number in by_priority})


_STATS = {
    in_one_team: Query(
        "todos.stats",
        select(
            func.count(),
            *(_count(t.status == status.value) for status in Status),
            _count(_unfinished, t.due_date < _today),
            _count(_unfinished, t.due_date == _today),
            _count(t.completed_at >= func.now() - literal_column("interval '7 days'")),
            *(_count(t.priority == priority.value) for priority in Priority),
        )
        .select_from(team_memberships.join(todos, t.team_id == m.team_id))
        .where(BY_CALLER, LIVE, m.team_id == bindparam("team_id", type_=uuid) if in_one_team else true()),
        _stats,
    )
    for in_one_team in (False, True)
}
_ids = func.any(bindparam("ids", type_=ARRAY(uuid)))
_PROJECTS = Query(
    "todos.expand_projects",
    select(projects.c.id, projects.c.name, projects.c.color, projects.c.status)
    .select_from(team_memberships.join(projects, projects.c.team_id == m.team_id))
    .where(BY_CALLER, projects.c.id == _ids),
    ProjectSummary,
)
_shared = team_memberships.alias("shared")
_PEOPLE = Query(
    "todos.expand_assignees",
    select(users.c.id, users.c.name)
    .distinct()
    .select_from(
        team_memberships.join(_shared, _shared.c.team_id == m.team_id).join(users, users.c.id == _shared.c.user_id)
    )
    .where(BY_CALLER, _shared.c.user_id == _ids),
    PersonSummary,
)
_TAGS = Query(
    "todos.expand_tags",
    select(tags.c.team_id, tags.c.id, tags.c.name, tags.c.color)
    .select_from(team_memberships.join(tags, tags.c.team_id == m.team_id))
    .where(BY_CALLER, tags.c.key == func.any(bindparam("keys", type_=ARRAY(Text)))),
    TagSummary,
)


async def stats(reader: Reader, caller_id: UserId, team_id: TeamId | None, today: dt.date) -> TodoStats:
    """Counts over all live todos that the caller sees, or those of one team. One statement; reads them all."""
    parameters = {"caller_id": caller_id, "today": today}
    if team_id is not None:
        parameters["team_id"] = team_id
    found = await reader.first(_STATS[team_id is not None], **parameters)
    return found or _stats(*[0] * (len(_NUMBERS) + len(Priority)))


async def references(reader: Reader, caller_id: UserId, page: Iterable[Todo], wanted: frozenset[str]) -> TodoReferences:
    """The `project`, `assignee` and `tags` that the todos point at, as far as wanted. One statement for each kind."""
    todos_ = list(page)
    project_ids: set[UUID] = {todo.project_id for todo in todos_ if todo.project_id} if "project" in wanted else set()
    people_ids: set[UUID] = {todo.assignee_id for todo in todos_ if todo.assignee_id} if "assignee" in wanted else set()
    keys = {fold(name) for todo in todos_ for name in todo.tags} if "tags" in wanted else set()
    found_projects = await reader.all(_PROJECTS, caller_id=caller_id, ids=list(project_ids)) if project_ids else []
    found_people = await reader.all(_PEOPLE, caller_id=caller_id, ids=list(people_ids)) if people_ids else []
    found_tags = await reader.all(_TAGS, caller_id=caller_id, keys=list(keys)) if keys else []
    return TodoReferences(
        projects={found.id: found for found in found_projects},
        assignees={found.id: found for found in found_people},
        tags={(found.team_id, found.name): found for found in found_tags},
    )
