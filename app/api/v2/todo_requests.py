"""From what clients of version 2 send to what the domain takes."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from app.api.v2 import todo_schemas as wire
from app.domain.identity.permissions import Permission, require_scope
from app.domain.ids import ProjectId, TeamId, TodoId, UserId
from app.domain.pages import parse_sort
from app.domain.todos.filter import SORTS, TodoFilter, TodoList
from app.domain.todos.queries import today
from app.domain.todos.todo import Priority, Status, TodoChanges, TodoDraft
from app.domain.users.caller import Caller

_PRIORITIES = {priority.name.lower(): priority for priority in Priority}
_EXPANDED_UNDER = {
    "project": Permission.PROJECTS_READ,
    "tags": Permission.TAGS_READ,
    "assignee": Permission.TEAMS_READ,
}
_CONVERSIONS: dict[str, Any] = {
    "status": Status,
    "priority": _PRIORITIES.__getitem__,
    "tags": tuple,
}


def draft_of(body: wire.TodoCreate) -> TodoDraft:
    """The new todo that a body describes."""
    return TodoDraft(
        title=body.title,
        description=body.description,
        status=wire.STATUSES[body.status],
        priority=_PRIORITIES[body.priority],
        due_date=body.due_date,
        team_id=None if body.team_id is None else TeamId(body.team_id),
        project_id=None if body.project_id is None else ProjectId(body.project_id),
        parent_id=None if body.parent_id is None else TodoId(body.parent_id),
        assignee_id=None if body.assignee_id is None else UserId(body.assignee_id),
        tags=tuple(body.tags),
        position=body.position,
        external_id=body.external_id,
    )


def changes_of(body: wire.TodoPatch) -> TodoChanges:
    """The changes of a merge patch: only the members that it has."""
    return TodoChanges(**_values(body, body.model_fields_set))


def replacement_of(body: wire.TodoReplace) -> TodoChanges:
    """The changes of a PUT: every member, except a position that it leaves out."""
    names = set(type(body).model_fields)
    return TodoChanges(**_values(body, names if body.position is not None else names - {"position"}))


def list_of(query: wire.TodoListQuery, caller: Caller, now: dt.datetime) -> TodoList:
    """The list that a query describes. Raises Invalid for an unknown sort."""
    asked = query.made_once("filter", lambda: _filter_of(query))
    if query.overdue:
        day = today(caller, now)
        asked = replace(asked, due_before=day if asked.due_before is None else min(day, asked.due_before))
    return TodoList(caller.user_id, asked, query.made_once("sort", lambda: parse_sort(query.sort, allowed=SORTS)))


def _filter_of(query: wire.TodoListQuery) -> TodoFilter:
    return TodoFilter(
        **_narrowing(query),
        parent_id=None if query.parent_id is None else TodoId(query.parent_id),
        created_by=None if query.created_by is None else UserId(query.created_by),
        statuses=tuple(Status(name) for name in query.status),
        external_id=query.external_id,
        due_after=query.due_after,
        due_before=query.due_before,
        updated_since=query.updated_since,
        unfinished_and_due=query.overdue,
        q=query.q,
    )


def require_expandable(caller: Caller, expand: Sequence[str]) -> None:
    """Raises ScopeMissing if an API key would see by `expand` what it may not ask for by itself."""
    for name in expand:
        require_scope(caller, _EXPANDED_UNDER[name])


def narrowed(query: wire.TodoNarrowing) -> TodoFilter:
    """The conditions that every list of todos takes."""
    return TodoFilter(**_narrowing(query))


def _narrowing(query: wire.TodoNarrowing) -> dict[str, Any]:
    return {
        "team_id": None if query.team_id is None else TeamId(query.team_id),
        "project_id": None if query.project_id is None else ProjectId(query.project_id),
        "assignee_id": None if query.assignee_id is None else UserId(query.assignee_id),
        "priorities": tuple(_PRIORITIES[name] for name in query.priority),
        "tags": tuple(query.tag),
    }


def _values(body: Any, names: set[str]) -> dict[str, Any]:
    return {
        name: _CONVERSIONS[name](getattr(body, name)) if name in _CONVERSIONS else getattr(body, name) for name in names
    }
