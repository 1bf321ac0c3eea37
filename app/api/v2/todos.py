"""Todos in version 2: one todo at a time, and the actions on it. Lists are in `todo_lists`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.conditional import entity_tag, expected_versions
from app.api.dependencies import CurrentCaller, IfMatch, IfNoneMatch, ServicesHere
from app.api.kept import kept, one_todo
from app.api.responses import created, document, listing, no_content, resource
from app.api.routing import ApiRoute
from app.api.v2 import todo_schemas as wire
from app.api.v2.todo_documents import check_fields, renderer, todo_document
from app.api.v2.todo_requests import changes_of, draft_of, replacement_of, require_expandable
from app.domain.ids import ProjectId, TodoId
from app.domain.todos import commands, queries
from app.domain.todos.todo import Todo

router = APIRouter(prefix="/todos", tags=["todos"], route_class=ApiRoute)


@router.post("", status_code=201, response_model=wire.Todo, summary="Create a todo")
async def create_todo(body: wire.TodoCreate, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Stores a new todo in the given team or project, or in your personal team.

    Tags that the team does not have yet are made. The answer is the whole todo, under its `ETag`.
    """
    todo = await services.creations.create(caller, draft_of(body))
    return created(todo_document(todo), location=f"/api/v2/todos/{todo.id}", etag=entity_tag(todo.version, todo.role))


@router.get("/{todo_id}", response_model=wire.Todo, summary="Get a todo")
@kept("todo", one_todo, is_list=False)
async def get_todo(
    request: Request,
    todo_id: UUID,
    query: Annotated[wire.TodoQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `resource`
) -> Response:
    """Shows one todo that is not in the trash, whole or as `fields` and `expand` ask.

    The strong `ETag` of the whole todo serves `If-None-Match` here and `If-Match` when writing.
    """
    check_fields(query.fields)
    require_expandable(caller, query.expand)
    todo = await services.todos.get(caller, TodoId(todo_id))
    if not query.fields and not query.expand:
        return resource(request, todo_document(todo), etag=entity_tag(todo.version, todo.role))
    references = await queries.references(services.database.reader, caller, [todo], frozenset(query.expand))
    return listing(request, renderer(query.fields, query.expand, references)(todo))


@router.put("/{todo_id}", response_model=wire.Todo, summary="Replace a todo")
async def replace_todo(
    todo_id: UUID, body: wire.TodoReplace, caller: CurrentCaller, services: ServicesHere, if_match: IfMatch = None
) -> Response:
    """Sets every changeable field: what the body leaves out gets its default, only `position` stays.

    With `If-Match` it takes effect only on a version that you have seen.
    """
    todo = await commands.update(
        services.database, caller, TodoId(todo_id), replacement_of(body), expected=expected_versions(if_match)
    )
    return _changed(todo)


@router.patch("/{todo_id}", response_model=wire.Todo, summary="Change a todo")
async def update_todo(
    todo_id: UUID, body: wire.TodoPatch, caller: CurrentCaller, services: ServicesHere, if_match: IfMatch = None
) -> Response:
    """Applies a JSON Merge Patch (RFC 7396): absent members stay, null clears, arrays replace whole.

    The version rises only if something really changes; `{}` changes nothing.
    """
    todo = await commands.update(
        services.database, caller, TodoId(todo_id), changes_of(body), expected=expected_versions(if_match)
    )
    return _changed(todo)


@router.delete("/{todo_id}", status_code=204, summary="Move a todo to the trash")
async def delete_todo(
    todo_id: UUID, caller: CurrentCaller, services: ServicesHere, if_match: IfMatch = None
) -> Response:
    """Moves the todo and its subtasks to the trash, from where they can be restored for thirty days."""
    await commands.delete(services.database, caller, TodoId(todo_id), expected=expected_versions(if_match))
    return no_content()


@router.post("/{todo_id}/complete", response_model=wire.Todo, summary="Complete a todo")
async def complete_todo(
    todo_id: UUID, caller: CurrentCaller, services: ServicesHere, if_match: IfMatch = None
) -> Response:
    """Makes the todo done and notes when. A done todo stays as it is; a cancelled one must be reopened first."""
    todo = await commands.complete(services.database, caller, TodoId(todo_id), expected=expected_versions(if_match))
    return _changed(todo)


@router.post("/{todo_id}/reopen", response_model=wire.Todo, summary="Reopen a todo")
async def reopen_todo(
    todo_id: UUID, caller: CurrentCaller, services: ServicesHere, if_match: IfMatch = None
) -> Response:
    """Makes a done or cancelled todo open again. One that is not finished stays as it is."""
    todo = await commands.reopen(services.database, caller, TodoId(todo_id), expected=expected_versions(if_match))
    return _changed(todo)


@router.post("/{todo_id}/move", response_model=wire.Todo, summary="Move a todo")
async def move_todo(
    todo_id: UUID, body: wire.TodoMove, caller: CurrentCaller, services: ServicesHere, if_match: IfMatch = None
) -> Response:
    """Moves the todo to another project of its team, or out of any, and to `position` in its order if that is given."""
    todo = await commands.move(
        services.database,
        caller,
        TodoId(todo_id),
        project_id=None if body.project_id is None else ProjectId(body.project_id),
        position=body.position,
        expected=expected_versions(if_match),
    )
    return _changed(todo)


@router.post("/{todo_id}/duplicate", status_code=201, response_model=wire.Todo, summary="Duplicate a todo")
async def duplicate_todo(todo_id: UUID, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Makes an open copy with the same project, tags, assignee and due date; last in its order, no `external_id`."""
    todo = await commands.duplicate(services.database, caller, TodoId(todo_id))
    return created(todo_document(todo), location=f"/api/v2/todos/{todo.id}", etag=entity_tag(todo.version, todo.role))


@router.post("/{todo_id}/restore", response_model=wire.Todo, summary="Restore a todo")
async def restore_todo(todo_id: UUID, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Brings the todo back from the trash with the subtasks that went along; a project that is gone is let go."""
    todo = await commands.restore(services.database, caller, TodoId(todo_id))
    return _changed(todo)


def _changed(todo: Todo) -> Response:
    return document(todo_document(todo), headers={"ETag": entity_tag(todo.version, todo.role)})
