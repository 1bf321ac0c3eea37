"""Todos as version 2 shows them: from the domain's value to the document that is encoded."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from app.api.v2 import todo_schemas as wire
from app.domain.errors import invalid_parameter
from app.domain.ids import ProjectId, TeamId, TodoId, UserId
from app.domain.todos.todo import Priority, ProjectSummary, Todo, TodoReferences

_PRIORITY_NAMES = tuple(priority.name.lower() for priority in Priority)
_FINISHED = ("done", "cancelled")


class TodoDocument(msgspec.Struct, frozen=True):
    """A `wire.Todo` on its way out. Encoding a struct of known members costs half of encoding a dictionary."""

    id: TodoId
    team_id: TeamId
    project_id: ProjectId | None
    parent_id: TodoId | None
    title: str
    description: str
    status: str
    priority: str
    due_date: dt.date | None
    assignee_id: UserId | None
    tags: list[str]
    position: float
    external_id: str | None
    created_by: UserId | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    completed_at: dt.datetime | None
    deleted_at: dt.datetime | None
    purge_at: dt.datetime | None
    links: msgspec.Raw


_MEMBERS = TodoDocument.__struct_fields__


def todo_document(todo: Todo) -> TodoDocument:
    """The whole todo, with the links that the caller may follow now."""
    return TodoDocument(
        todo.id,
        todo.team_id,
        todo.project_id,
        todo.parent_id,
        todo.title,
        todo.description,
        todo.status,
        _PRIORITY_NAMES[todo.priority],
        todo.due_date,
        todo.assignee_id,
        todo.tags,
        todo.position,
        todo.external_id,
        todo.created_by,
        todo.version,
        todo.created_at,
        todo.updated_at,
        todo.completed_at,
        todo.deleted_at,
        todo.purge_at,
        _links(todo),
    )


def renderer(fields: Sequence[str], expand: Sequence[str], references: TodoReferences) -> Callable[[Todo], Any]:
    """How to show each todo of a response: whole, or only `fields`, with what `expand` asked for."""
    if not fields and not expand:
        return todo_document

    def render(todo: Todo) -> dict[str, Any]:
        whole = todo_document(todo)
        shown: dict[str, Any] = {name: getattr(whole, name) for name in fields or _MEMBERS}
        if expand:
            shown["expanded"] = _expanded(todo, expand, references)
        return shown

    return render


def check_fields(fields: Sequence[str]) -> None:
    """Raises Invalid for a member that todos do not have."""
    unknown = [name for name in fields if name not in _MEMBERS]
    if unknown:
        raise invalid_parameter("fields", "UNKNOWN_FIELD", f"fields takes only: {', '.join(_MEMBERS)}.")


def _links(todo: Todo) -> msgspec.Raw:
    """`wire.TodoLinks`, written out: nothing but ids goes into it, and there is nothing to escape in those."""
    itself = f"/api/v2/todos/{todo.id}"
    links = f'{{"self":"{itself}","team":"/api/v2/teams/{todo.team_id}"'
    if todo.project_id is not None:
        links += f',"project":"/api/v2/projects/{todo.project_id}"'
    if todo.parent_id is not None:
        links += f',"parent":"/api/v2/todos/{todo.parent_id}"'
    if todo.role == "viewer":
        return msgspec.Raw(links + "}")
    if todo.deleted_at is not None:
        return msgspec.Raw(links + f',"restore":"{itself}/restore"}}')
    turn = "reopen" if todo.status in _FINISHED else "complete"
    return msgspec.Raw(links + f',"{turn}":"{itself}/{turn}","move":"{itself}/move","duplicate":"{itself}/duplicate"}}')


def _expanded(todo: Todo, expand: Sequence[str], references: TodoReferences) -> wire.Expanded:
    shown: wire.Expanded = {}
    if "project" in expand:
        project = references.projects.get(todo.project_id) if todo.project_id else None
        shown["project"] = _project(project) if project else None
    if "assignee" in expand:
        person = references.assignees.get(todo.assignee_id) if todo.assignee_id else None
        shown["assignee"] = {"id": person.id, "name": person.name} if person else None
    if "tags" in expand:
        found = (references.tags.get((todo.team_id, name)) for name in todo.tags)
        shown["tags"] = [{"id": tag.id, "name": tag.name, "color": tag.color} for tag in found if tag]
    return shown


def _project(project: ProjectSummary) -> wire.ExpandedProject:
    return {
        "id": project.id,
        "name": project.name,
        "color": project.color,
        "status": project.status,  # type: ignore[typeddict-item]  # a check constraint keeps the column to these names
    }
