"""The same reads and the same insert at their best: bare ASGI, asyncpg, prepared statements, autocommit, msgspec.

A bearer token is verified once and then remembered by its text. There is nothing else: no session check, limits, ids,
log, metrics, validation beyond types, ETags or error documents. It is what the work itself costs in Python.
"""

import os
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import jwt
import msgspec
from starlette.types import Message, Receive, Scope, Send

from app.domain.ids import uuid7
from bench.references.fifo_pool import FifoPool

_COLUMNS = (
    "id, team_id, project_id, parent_id, title, description, status, priority, due_date, assignee_id, tags, position,"
    " external_id, created_by, version, created_at, updated_at, completed_at"
)
_GET, _PAGE, _CREATE = range(3)
_STATEMENTS = (
    f"SELECT {_COLUMNS} FROM todos WHERE team_id = $1 AND id = $2 AND deleted_at IS NULL",  # noqa: S608 - constants
    (
        f"SELECT {_COLUMNS} FROM todos WHERE team_id = $1 AND deleted_at IS NULL"  # noqa: S608 - constants
        " ORDER BY created_at DESC, id DESC LIMIT $2"
    ),
    f"INSERT INTO todos (team_id, id, title, created_by) VALUES ($1, $2, $3, $4) RETURNING {_COLUMNS}",  # noqa: S608 - constants
)


class Todo(msgspec.Struct):
    """A row of todos, in the order of the selected columns."""

    id: UUID
    team_id: UUID
    project_id: UUID | None
    parent_id: UUID | None
    title: str
    description: str
    status: str
    priority: int
    due_date: date | None
    assignee_id: UUID | None
    tags: list[str]
    position: float
    external_id: str | None
    created_by: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None


class Draft(msgspec.Struct):
    """The body of a create."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Caller(msgspec.Struct):
    """Who a token belongs to."""

    user_id: UUID
    team_id: UUID


_to_json = msgspec.json.Encoder().encode
_to_draft = msgspec.json.Decoder(Draft).decode
_secret = os.environ["SECRET_KEY"]
_pool = FifoPool(os.environ["DATABASE_URL"], int(os.environ["DB_POOL_SIZE"]), _STATEMENTS)
_callers: dict[bytes, Caller] = {}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """GET /todos/{id}, GET /todos?limit=n and POST /todos; anything else is 404, no valid token 401."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    if scope["type"] != "http":
        return
    caller = _caller_of(scope)
    if caller is None:
        await _answer(send, 401, b"{}")
        return
    path: str = scope["path"]
    if path == "/todos":
        if scope["method"] == "GET":
            await _page(caller, scope, send)
        else:
            await _create(caller, receive, send)
    elif path.startswith("/todos/"):
        await _get(caller, path[7:], send)
    else:
        await _answer(send, 404, b"{}")


async def _get(caller: Caller, todo_id: str, send: Send) -> None:
    rows = await _pool.fetch(_GET, caller.team_id, UUID(todo_id))
    if rows:
        await _answer(send, 200, _to_json(Todo(*rows[0])))
    else:
        await _answer(send, 404, b"{}")


async def _page(caller: Caller, scope: Scope, send: Send) -> None:
    limit = int(scope["query_string"].partition(b"limit=")[2] or 20)
    rows = await _pool.fetch(_PAGE, caller.team_id, limit)
    await _answer(send, 200, _to_json({"items": [Todo(*row) for row in rows]}))


async def _create(caller: Caller, receive: Receive, send: Send) -> None:
    message = await receive()
    body = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    try:
        draft = _to_draft(body)
    except msgspec.MsgspecError:
        await _answer(send, 422, b"{}")
        return
    rows = await _pool.fetch(_CREATE, caller.team_id, uuid7(), draft.title, caller.user_id)
    await _answer(send, 201, _to_json(Todo(*rows[0])))


def _caller_of(scope: Scope) -> Caller | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return _callers.get(value) or _verified(value)
    return None


def _verified(header: bytes) -> Caller | None:
    try:
        claims = jwt.decode(header.removeprefix(b"Bearer "), _secret, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return None
    caller = _callers[header] = Caller(UUID(claims["sub"]), UUID(claims["team"]))
    return caller


async def _answer(send: Send, status: int, body: bytes) -> None:
    start: Message = {
        "type": "http.response.start",
        "status": status,
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    await _pool.open()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await _pool.close()
    await send({"type": "lifespan.shutdown.complete"})
