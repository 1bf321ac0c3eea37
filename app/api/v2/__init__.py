"""Version 2 of the interface, as a diff over version 1."""

from fastapi import APIRouter

from app.api.v1 import auth, project_items, registration, tag_items
from app.api.v2 import (
    account,
    api_keys,
    audit,
    blocks,
    erasure,
    export_archives,
    exports,
    me,
    my_address,
    my_limits,
    projects,
    recovery,
    second_factors,
    step_up,
    tags,
    team_members,
    teams,
    todo_batch,
    todo_lists,
    todos,
    user_credentials,
    user_factors,
    users,
)

router = APIRouter()

# Shared: the very routes of version 1. What they link to is in the version that they are called in.
for shared in (registration, auth, project_items, tag_items):
    router.include_router(shared.router)

# Replaced: todos have a status instead of `completed`, lists have cursors instead of page numbers, your account says
# which API key asks, and users lead on to their sessions and keys.
for replaced in (todos, todo_lists, todo_batch, account, users, projects, tags):
    router.include_router(replaced.router)

# New: what version 1 does not know.
for new in (
    step_up,
    recovery,
    second_factors,
    teams,
    team_members,
    me,
    my_address,
    erasure,
    my_limits,
    exports,
    export_archives,
    api_keys,
    user_credentials,
    user_factors,
    blocks,
    audit,
):
    router.include_router(new.router)
