"""Todos as version 2 shows them: from the domain's value to the document that is encoded."""

from collections.abc import Callable, Sequence
from typing import Any

from app.api.v2 import todo_schemas as wire
from app.domain.errors import invalid_parameter
from app.domain.todos.todo import Priority, ProjectSummary, Todo, TodoReferences

_PRIORITY_NAMES = tuple(priority.name.lower() for priority in Priority)
_FINISHED = ("done", "cancelled")
_MEMBERS = tuple(name for name in wire.Todo.__annotations__ if name != "expanded")


def todo_document(todo: Todo) -> wire.Todo:
    """The whole todo, with the links that the caller may follow now."""
    return {
        "id": todo.id,
        "team_id": todo.team_id,
        "project_id": todo.project_id,
        "parent_id": todo.parent_id,
        "title": todo.title,
        "description": todo.description,
        "status": todo.status,  # type: ignore[typeddict-item]  # a check constraint keeps the column to these names
        "priority": _PRIORITY_NAMES[todo.priority],  # type: ignore[typeddict-item]  # the names are the enumeration's
        "due_date": todo.due_date,
        "assignee_id": todo.assignee_id,
        "tags": todo.tags,
        "position": todo.position,
        "external_id": todo.external_id,
        "created_by": todo.created_by,
        "version": todo.version,
        "created_at": todo.created_at,
        "updated_at": todo.updated_at,
        "completed_at": todo.completed_at,
        "deleted_at": todo.deleted_at,
        "purge_at": todo.purge_at,
        "links": _links(todo),
    }


def renderer(fields: Sequence[str], expand: Sequence[str], references: TodoReferences) -> Callable[[Todo], Any]:
    """How to show each todo of a response: whole, or only `fields`, with what `expand` asked for."""
    if not fields and not expand:
        return todo_document

    def render(todo: Todo) -> dict[str, Any]:
        whole: dict[str, Any] = {**todo_document(todo)}
        shown = {name: whole[name] for name in fields} if fields else whole
        if expand:
            shown["expanded"] = _expanded(todo, expand, references)
        return shown

    return render


def check_fields(fields: Sequence[str]) -> None:
    """Raises Invalid for a member that todos do not have."""
    unknown = [name for name in fields if name not in _MEMBERS]
    if unknown:
        raise invalid_parameter("fields", "UNKNOWN_FIELD", f"fields takes only: {', '.join(_MEMBERS)}.")


def _links(todo: Todo) -> wire.TodoLinks:
    itself = f"/api/v2/todos/{todo.id}"
    links: wire.TodoLinks = {"self": itself, "team": f"/api/v2/teams/{todo.team_id}"}
    if todo.project_id is not None:
        links["project"] = f"/api/v2/projects/{todo.project_id}"
    if todo.parent_id is not None:
        links["parent"] = f"/api/v2/todos/{todo.parent_id}"
    if todo.role == "viewer":
        return links
    if todo.deleted_at is not None:
        links["restore"] = itself + "/restore"
        return links
    if todo.status in _FINISHED:
        links["reopen"] = itself + "/reopen"
    else:
        links["complete"] = itself + "/complete"
    links["move"] = itself + "/move"
    links["duplicate"] = itself + "/duplicate"
    return links


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
