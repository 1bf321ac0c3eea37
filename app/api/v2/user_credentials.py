"""The sessions and API keys of users, in version 2, for administrators. For others these users do not exist."""

import datetime as dt
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, IfNoneMatch, Prefer, ServicesHere
from app.api.needs import needs
from app.api.pages import PageQuery, cursor_scope, page_request, page_response, wants_total
from app.api.responses import no_content
from app.api.routing import ApiRoute
from app.api.v2 import user_schemas as wire
from app.api.v2.user_documents import api_key_of_user_document, session_of_user_document
from app.domain.identity import oversight
from app.domain.identity.permissions import Permission
from app.domain.ids import ApiKeyId, SessionId, UserId

router = APIRouter(prefix="/users/{user_id}", tags=["users"], route_class=ApiRoute)


@router.get("/sessions", response_model=wire.UserSessionPage, summary="List a user's sessions")
@needs(Permission.USERS_READ, hides=True)
async def list_sessions_of_user(
    request: Request,
    user_id: UUID,
    query: Annotated[PageQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows where somebody is logged in now, newest login first. For administrators."""
    owner = UserId(user_id)
    scope = cursor_scope(f"users/{user_id}/sessions", query)
    wanted = page_request(request, query, scope, dt.datetime)
    page = await oversight.sessions(services.database.reader, caller, owner, wanted, with_total=wants_total(prefer))
    render = partial(session_of_user_document, caller=caller, user_id=owner)
    return page_response(request, page, render, limit=query.limit, scope=scope)


@router.delete("/sessions", status_code=204, summary="End all sessions of a user")
@needs(Permission.USERS_ADMIN, hides=True)
async def end_sessions_of_user(user_id: UUID, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Logs somebody out everywhere, effective with their next request; they may log in again. For administrators."""
    await oversight.end_sessions(services.database, caller, UserId(user_id))
    return no_content()


@router.delete("/sessions/{session_id}", status_code=204, summary="End one session of a user")
@needs(Permission.USERS_ADMIN, hides=True)
async def end_session_of_user(
    user_id: UUID, session_id: UUID, caller: CurrentCaller, services: ServicesHere
) -> Response:
    """Logs one of somebody's devices out; its tokens are refused from the next request on. For administrators."""
    await oversight.end_session(services.database, caller, UserId(user_id), SessionId(session_id))
    return no_content()


@router.get("/api-keys", response_model=wire.UserApiKeyPage, summary="List a user's API keys")
@needs(Permission.USERS_READ, hides=True)
async def list_api_keys_of_user(
    request: Request,
    user_id: UUID,
    query: Annotated[PageQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows somebody's keys that still live, newest first, with when each was last used. For administrators."""
    owner = UserId(user_id)
    scope = cursor_scope(f"users/{user_id}/api-keys", query)
    wanted = page_request(request, query, scope, dt.datetime)
    page = await oversight.api_keys(services.database.reader, caller, owner, wanted, with_total=wants_total(prefer))
    render = partial(api_key_of_user_document, user_id=owner)
    return page_response(request, page, render, limit=query.limit, scope=scope)


@router.delete("/api-keys", status_code=204, summary="Revoke all API keys of a user")
@needs(Permission.USERS_ADMIN, hides=True)
async def revoke_api_keys_of_user(user_id: UUID, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Ends all of somebody's keys, effective with the next request of each. For administrators."""
    await oversight.revoke_api_keys(services.database, caller, UserId(user_id))
    return no_content()


@router.delete("/api-keys/{api_key_id}", status_code=204, summary="Revoke one API key of a user")
@needs(Permission.USERS_ADMIN, hides=True)
async def revoke_api_key_of_user(
    user_id: UUID, api_key_id: UUID, caller: CurrentCaller, services: ServicesHere
) -> Response:
    """Ends one of somebody's keys; it is refused from the next request on. For administrators."""
    await oversight.revoke_api_key(services.database, caller, UserId(user_id), ApiKeyId(api_key_id))
    return no_content()
