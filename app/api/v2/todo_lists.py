"""Lists of todos in version 2, what is counted over them, and many changes at once."""

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, IfNoneMatch, Prefer, ServicesHere
from app.api.kept import kept, todos_seen
from app.api.pages import cursor_scope, page_request, page_response, wants_total
from app.api.responses import listing
from app.api.routing import ApiRoute
from app.api.v2 import todo_schemas as wire
from app.api.v2.todo_documents import check_fields, renderer
from app.api.v2.todo_requests import list_of, narrowed, require_expandable
from app.domain.ids import TeamId
from app.domain.todos import queries
from app.domain.todos.filter import TodoList
from app.domain.todos.todo import TodoReferences
from app.domain.users.caller import Caller
from app.lifespan import Services

router = APIRouter(prefix="/todos", tags=["todos"], route_class=ApiRoute)

_SORT_TYPES: dict[str, Any] = {"due_date": dt.date, "priority": int, "position": float}
_NO_REFERENCES = TodoReferences({}, {}, {})


@router.get("", response_model=wire.TodoPage, summary="List todos")
@kept("todos", todos_seen)
async def list_todos(
    request: Request,
    query: Annotated[wire.TodoListQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows the todos of all your teams, newest first, a page at a time.

    Follow `page.next_cursor` or the `Link` header; what others add or remove meanwhile never makes a todo appear twice
    or be skipped. Conditions combine; several values of one condition are alternatives.
    """
    todo_list = list_of(query, caller, dt.datetime.now(dt.UTC))
    return await _page(request, services, caller, "todos", query, todo_list, prefer)


@router.get("/today", response_model=wire.TodoPage, summary="List what is due today")
@kept("todos", todos_seen)
async def list_todos_due_today(
    request: Request,
    query: Annotated[wire.TodoDayQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows what is unfinished and due today, as your time zone has it."""
    todo_list = queries.due_today(caller, dt.datetime.now(dt.UTC), narrowed(query))
    return await _page(request, services, caller, "today", query, todo_list, prefer)


@router.get("/upcoming", response_model=wire.TodoPage, summary="List what is due within a week")
@kept("todos", todos_seen)
async def list_upcoming_todos(
    request: Request,
    query: Annotated[wire.TodoDayQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows what is unfinished and due in the seven days after today, as your time zone has it; soonest first."""
    todo_list = queries.upcoming(caller, dt.datetime.now(dt.UTC), narrowed(query))
    return await _page(request, services, caller, "upcoming", query, todo_list, prefer)


@router.get("/overdue", response_model=wire.TodoPage, summary="List what is overdue")
@kept("todos", todos_seen)
async def list_overdue_todos(
    request: Request,
    query: Annotated[wire.TodoDayQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows what is unfinished and was due before today, as your time zone has it; longest overdue first."""
    todo_list = queries.overdue(caller, dt.datetime.now(dt.UTC), narrowed(query))
    return await _page(request, services, caller, "overdue", query, todo_list, prefer)


@router.get("/trash", response_model=wire.TodoPage, summary="List the trash")
@kept("todos", todos_seen)
async def list_trashed_todos(
    request: Request,
    query: Annotated[wire.TodoDayQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows deleted todos, last deleted first, each with `purge_at`: when it is gone for good."""
    todo_list = queries.trash(caller, narrowed(query))
    return await _page(request, services, caller, "trash", query, todo_list, prefer)


@router.get("/stats", response_model=wire.TodoStats, summary="Count todos")
@kept("todo_stats", todos_seen, is_costly=True)
async def get_todo_stats(
    request: Request,
    query: Annotated[wire.StatsQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Counts the todos that you see, or those of one team, by status, priority and due date. It reads them all."""
    team_id = None if query.team_id is None else TeamId(query.team_id)
    stats = await queries.stats(services.database.reader, caller, dt.datetime.now(dt.UTC), team_id)
    return listing(request, stats)


async def _page(
    request: Request,
    services: Services,
    caller: Caller,
    name: str,
    query: wire.TodoDayQuery,
    todo_list: TodoList,
    prefer: str | None,
) -> Response:
    check_fields(query.fields)
    require_expandable(caller, query.expand)
    scope = cursor_scope(name, query)
    wanted = page_request(request, query, scope, _SORT_TYPES.get(todo_list.sort.field, dt.datetime))
    reader = services.database.reader
    page = await queries.page(reader, todo_list, wanted, with_total=wants_total(prefer))
    references = _NO_REFERENCES
    if query.expand:
        references = await queries.references(reader, caller, page.items, frozenset(query.expand))
    return page_response(
        request, page, renderer(query.fields, query.expand, references), limit=query.limit, scope=scope
    )
