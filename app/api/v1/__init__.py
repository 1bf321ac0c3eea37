"""Version 1 of the interface: frozen, and deprecated in favour of version 2, which is written as a diff over it."""

from fastapi import APIRouter

from app.api.v1 import (
    account,
    auth,
    project_items,
    projects,
    registration,
    tag_items,
    tags,
    todo_bulk,
    todos,
    user_items,
    users,
)

router = APIRouter()

for part in (
    registration,
    auth,
    account,
    users,
    user_items,
    todos,
    todo_bulk,
    projects,
    project_items,
    tags,
    tag_items,
):
    router.include_router(part.router)
