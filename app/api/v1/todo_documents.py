"""Todos between version 1 and the domain: `completed` on one side, a status on the other."""

from typing import Any

from app.api.v1 import todo_schemas as wire
from app.domain.ids import ProjectId, TeamId
from app.domain.todos.filter import TodoFilter, TodoList
from app.domain.todos.todo import Priority, Status, Todo, TodoChanges, TodoDraft, TodoStats
from app.domain.users.caller import Caller

_PRIORITY_NAMES = tuple(priority.name.lower() for priority in Priority)
_STATUSES = {True: (Status.DONE,), False: tuple(status for status in Status if status is not Status.DONE)}


def todo_document(todo: Todo) -> wire.Todo:
    """What version 1 shows of a todo."""
    return {
        "id": todo.id,
        "team_id": todo.team_id,
        "project_id": todo.project_id,
        "title": todo.title,
        "description": todo.description,
        "completed": todo.status == Status.DONE,
        "priority": _PRIORITY_NAMES[todo.priority],  # type: ignore[typeddict-item]  # the names are the enumeration's
        "due_date": todo.due_date,
        "tags": todo.tags,
        "version": todo.version,
        "created_at": todo.created_at,
        "updated_at": todo.updated_at,
        "completed_at": todo.completed_at,
    }


def stats_document(stats: TodoStats) -> wire.TodoStats:
    """What version 1 counts."""
    return {
        "total": stats.total,
        "completed": stats.done,
        "pending": stats.total - stats.done,
        "overdue": stats.overdue,
        "by_priority": stats.priorities,  # type: ignore[typeddict-item]  # the names are the enumeration's
    }


def draft_of(body: wire.TodoCreate) -> TodoDraft:
    """The new todo that a body describes."""
    return TodoDraft(
        title=body.title,
        description=body.description,
        status=Status.DONE if body.completed else Status.OPEN,
        priority=Priority[body.priority.upper()],
        due_date=body.due_date,
        project_id=None if body.project_id is None else ProjectId(body.project_id),
        tags=tuple(body.tags),
    )


def changes_of(body: wire.TodoPatch) -> TodoChanges:
    """The changes of a merge patch: only the members that it has."""
    return _changes(body, body.model_fields_set)


def replacement_of(body: wire.TodoReplace) -> TodoChanges:
    """The changes of a PUT: every member. What version 1 does not show stays."""
    return _changes(body, set(type(body).model_fields))


def list_of(query: wire.TodoListQuery, caller: Caller) -> TodoList:
    """The list that a query describes, newest first."""
    return TodoList(
        caller.user_id,
        TodoFilter(
            team_id=None if query.team_id is None else TeamId(query.team_id),
            project_id=None if query.project_id is None else ProjectId(query.project_id),
            statuses=() if query.completed is None else _STATUSES[query.completed],
            priorities=() if query.priority is None else (Priority[query.priority.upper()],),
            tags=() if query.tag is None else (query.tag,),
            due_before=query.due_before,
            q=query.q,
        ),
    )


def _changes(body: wire.TodoPatch | wire.TodoReplace, names: set[str]) -> TodoChanges:
    values: dict[str, Any] = {name: getattr(body, name) for name in names}
    if "priority" in values:
        values["priority"] = Priority[values["priority"].upper()]
    if "tags" in values:
        values["tags"] = tuple(values["tags"])
    return TodoChanges(**values)
