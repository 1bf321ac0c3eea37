"""Todos in version 1: a numbered list, what is counted over it, and one todo at a time."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.conditional import entity_tag, expected_versions
from app.api.dependencies import CurrentCaller, IfMatch, IfNoneMatch, ServicesHere
from app.api.kept import kept, one_todo, todos_seen
from app.api.numbered_pages import numbered_page_response
from app.api.responses import created, document, listing, no_content, resource
from app.api.routing import ApiRoute
from app.api.v1 import todo_schemas as wire
from app.api.v1.todo_documents import changes_of, draft_of, list_of, replacement_of, stats_document, todo_document
from app.domain.ids import TeamId, TodoId
from app.domain.todos import commands, queries
from app.domain.todos.todo import Todo

router = APIRouter(prefix="/todos", tags=["todos"], route_class=ApiRoute)


@router.get("", response_model=wire.TodoPage, summary="List todos")
@kept("todos", todos_seen, is_costly=True)
async def list_todos(
    request: Request,
    query: Annotated[wire.TodoListQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows the todos of all your teams, newest first, by page number.

    What others add or remove meanwhile moves todos from page to page: they can appear twice or be skipped. The
    cursors of version 2 cannot do that.
    """
    page = await queries.numbered(services.database.reader, list_of(query, caller), query.page, query.page_size)
    return numbered_page_response(request, page, todo_document)


@router.get("/stats", response_model=wire.TodoStats, summary="Count todos")
@kept("todo_stats", todos_seen, is_costly=True)
async def get_todo_stats(
    request: Request,
    query: Annotated[wire.StatsQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Counts the todos of all your teams, or of one. What is overdue is decided by the day in your time zone."""
    team_id = None if query.team_id is None else TeamId(query.team_id)
    stats = await queries.stats(services.database.reader, caller, dt.datetime.now(dt.UTC), team_id)
    return listing(request, stats_document(stats))


@router.post("", status_code=201, response_model=wire.Todo, summary="Create a todo")
async def create_todo(body: wire.TodoCreate, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Stores a new todo in the team of its project, or in your personal team.

    Tags that the team does not have yet are made. The answer is the whole todo, under its `ETag`.
    """
    todo = await services.creations.create(caller, draft_of(body))
    return created(todo_document(todo), location=f"/api/v1/todos/{todo.id}", etag=entity_tag(todo.version, todo.role))


@router.get("/{todo_id}", response_model=wire.Todo, summary="Get a todo")
@kept("todo", one_todo, is_list=False)
async def get_todo(
    request: Request,
    todo_id: UUID,
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `resource`
) -> Response:
    """Shows one todo that is not in the trash. Its `ETag` serves `If-None-Match` here and `If-Match` when writing."""
    todo = await services.todos.get(caller, TodoId(todo_id))
    return resource(request, todo_document(todo), etag=entity_tag(todo.version, todo.role))


@router.put("/{todo_id}", response_model=wire.Todo, summary="Replace a todo")
async def replace_todo(
    todo_id: UUID, body: wire.TodoReplace, caller: CurrentCaller, services: ServicesHere, if_match: IfMatch = None
) -> Response:
    """Sets every member that version 1 can change; a body that lacks one is refused (422). PATCH sends a part.

    What only version 2 shows (assignee, subtasks, position and so on) stays. A todo that was cancelled there cannot
    become completed (409, `ILLEGAL_TRANSITION`) before a `bulk-process` reopens it.
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

    The `ETag` changes only if something really changes; `{}` changes nothing. A todo that was cancelled in version 2
    cannot become completed (409, `ILLEGAL_TRANSITION`) before a `bulk-process` reopens it.
    """
    todo = await commands.update(
        services.database, caller, TodoId(todo_id), changes_of(body), expected=expected_versions(if_match)
    )
    return _changed(todo)


@router.delete("/{todo_id}", status_code=204, summary="Delete a todo")
async def delete_todo(
    todo_id: UUID, caller: CurrentCaller, services: ServicesHere, if_match: IfMatch = None
) -> Response:
    """Moves the todo and its subtasks to the trash, from where version 2 can restore them for thirty days."""
    await commands.delete(services.database, caller, TodoId(todo_id), expected=expected_versions(if_match))
    return no_content()


def _changed(todo: Todo) -> Response:
    return document(todo_document(todo), headers={"ETag": entity_tag(todo.version, todo.role)})
