"""The routes: get one todo, list them, create one, log in."""

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException, Query, status
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bench.references.before.database import engine, get_session
from bench.references.before.middleware import (
    LoggingMiddleware,
    RequestIdMiddleware,
    SecurityHeadersMiddleware,
    TimingMiddleware,
)
from bench.references.before.models import Todo, User
from bench.references.before.schemas import Credentials, TodoCreate, TodoPage, TodoRead, Token
from bench.references.before.security import create_access_token, get_current_user, verify_password

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")

Session = Annotated[AsyncSession, Depends(get_session)]
CurrentUser = Annotated[User, Depends(get_current_user)]


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Closes the engine's connections at the end."""
    yield
    await engine.dispose()


app = FastAPI(title="Before", lifespan=lifespan)
app.add_middleware(LoggingMiddleware)
app.add_middleware(SecurityHeadersMiddleware)
app.add_middleware(RequestIdMiddleware)
app.add_middleware(TimingMiddleware)


@app.get("/")
async def root() -> dict[str, str]:
    """Answers with a constant."""
    return {"status": "alive"}


@app.post("/auth/login")
async def login(credentials: Credentials, session: Session) -> Token:
    """Trades an address and a password for a token."""
    found = await session.execute(select(User).where(User.email_key == credentials.email.lower()))
    user = found.scalar_one_or_none()
    if user is None or not verify_password(user.password_hash, credentials.password):
        raise HTTPException(401, "Incorrect email or password")
    return Token(access_token=create_access_token(user))


@app.get("/todos", response_model=TodoPage)
async def list_todos(
    user: CurrentUser,
    session: Session,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, list[Todo]]:
    """The user's todos, newest first."""
    found = await session.execute(
        select(Todo)
        .where(Todo.team_id == user.team_id, Todo.deleted_at.is_(None))
        .order_by(Todo.created_at.desc(), Todo.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return {"items": list(found.scalars())}


@app.get("/todos/{todo_id}", response_model=TodoRead)
async def get_todo(todo_id: UUID, user: CurrentUser, session: Session) -> Todo:
    """One todo."""
    found = await session.execute(
        select(Todo).where(Todo.team_id == user.team_id, Todo.id == todo_id, Todo.deleted_at.is_(None))
    )
    todo = found.scalar_one_or_none()
    if todo is None:
        raise HTTPException(404, "Todo not found")
    return todo


@app.post("/todos", response_model=TodoRead, status_code=status.HTTP_201_CREATED)
async def create_todo(draft: TodoCreate, user: CurrentUser, session: Session) -> Todo:
    """Creates a todo in the user's personal team."""
    todo = Todo(team_id=user.team_id, created_by=user.id, **draft.model_dump())
    session.add(todo)
    await session.commit()
    await session.refresh(todo)
    return todo
