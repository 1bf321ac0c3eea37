"""The same reads and the same insert as a good FastAPI application has them: asyncpg's own pool, response models.

As its documentation writes it: dependencies, validation, a pool opened by the lifespan. A token is verified at every
request. No middleware, no session check, no ETags.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import jwt
from fastapi import Depends, FastAPI, HTTPException, Query, Request, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field

from app.domain.ids import uuid7

_COLUMNS = (
    "id, team_id, project_id, parent_id, title, description, status, priority, due_date, assignee_id, tags, position,"
    " external_id, created_by, version, created_at, updated_at, completed_at"
)
_GET = f"SELECT {_COLUMNS} FROM todos WHERE team_id = $1 AND id = $2 AND deleted_at IS NULL"  # noqa: S608 - constants
_PAGE = (
    f"SELECT {_COLUMNS} FROM todos WHERE team_id = $1 AND deleted_at IS NULL"  # noqa: S608 - constants
    " ORDER BY created_at DESC, id DESC LIMIT $2"
)
_CREATE = f"INSERT INTO todos (team_id, id, title, created_by) VALUES ($1, $2, $3, $4) RETURNING {_COLUMNS}"  # noqa: S608 - constants
_SECRET = os.environ["SECRET_KEY"]


class Todo(BaseModel):
    """A row of todos."""

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


class TodoPage(BaseModel):
    """The newest todos."""

    items: list[Todo]


class Draft(BaseModel):
    """The body of a create."""

    title: Annotated[str, Field(min_length=1, max_length=200)]


class Caller(BaseModel):
    """Who a token belongs to."""

    user_id: UUID
    team_id: UUID


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keeps the pool open while the application runs."""
    size = int(os.environ["DB_POOL_SIZE"])
    async with asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=size, max_size=size, server_settings={"jit": "off"}
    ) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


async def pool_of(request: Request) -> Any:
    """The pool of this application."""
    return request.app.state.pool


async def caller_of(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> Caller:
    """The caller; 401 without a valid token."""
    try:
        claims = jwt.decode(credentials.credentials, _SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError as error:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED) from error
    return Caller(user_id=claims["sub"], team_id=claims["team"])


Pool = Annotated[Any, Depends(pool_of)]
CurrentCaller = Annotated[Caller, Depends(caller_of)]


@app.get("/todos/{todo_id}", response_model=Todo)
async def get_todo(todo_id: UUID, caller: CurrentCaller, pool: Pool) -> dict[str, object]:
    """One todo of the caller's."""
    row = await pool.fetchrow(_GET, caller.team_id, todo_id)
    if row is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return dict(row)


@app.get("/todos", response_model=TodoPage)
async def list_todos(
    caller: CurrentCaller, pool: Pool, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> dict[str, object]:
    """The caller's todos, newest first."""
    return {"items": [dict(row) for row in await pool.fetch(_PAGE, caller.team_id, limit)]}


@app.post("/todos", response_model=Todo, status_code=status.HTTP_201_CREATED)
async def create_todo(draft: Draft, caller: CurrentCaller, pool: Pool) -> dict[str, object]:
    """Inserts a todo."""
    return dict(await pool.fetchrow(_CREATE, caller.team_id, uuid7(), draft.title, caller.user_id))
