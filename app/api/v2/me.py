"""Your sessions, in version 2."""

import datetime as dt
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, IfNoneMatch, Prefer, ServicesHere
from app.api.pages import PageQuery, cursor_scope, page_request, page_response, wants_total
from app.api.responses import document, no_content
from app.api.routing import ApiRoute
from app.api.v2 import user_schemas as wire
from app.api.v2.user_documents import session_document
from app.domain.identity import commands, queries
from app.domain.ids import SessionId

router = APIRouter(prefix="/me", tags=["me"], route_class=ApiRoute)


@router.get("/sessions", response_model=wire.SessionPage, summary="List your sessions")
async def list_my_sessions(
    request: Request,
    query: Annotated[PageQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows where you are logged in now, newest login first. Sessions that ended are not listed."""
    scope = cursor_scope("me/sessions", query)
    wanted = page_request(request, query, scope, dt.datetime)
    page = await queries.sessions(services.database.reader, caller, wanted, with_total=wants_total(prefer))
    render = partial(session_document, caller=caller)
    return page_response(request, page, render, limit=query.limit, scope=scope)


@router.post("/sessions/revoke-others", status_code=204, summary="End your other sessions")
async def revoke_my_other_sessions(caller: CurrentCaller, services: ServicesHere) -> Response:
    """Logs all your devices out but this one. `POST /api/v2/auth/logout-all` logs this one out as well."""
    await commands.log_out_others(services.database, caller)
    return no_content()


@router.patch("/sessions/{session_id}", response_model=wire.Session, summary="Name one of your sessions")
async def update_my_session(
    session_id: UUID, body: wire.SessionPatch, caller: CurrentCaller, services: ServicesHere
) -> Response:
    """Applies a JSON Merge Patch (RFC 7396) to the label, by which you recognise the device in the list."""
    if "label" not in body.model_fields_set:
        session = await queries.session(services.database.reader, caller, SessionId(session_id))
    else:
        session = await commands.label_session(services.database, caller, SessionId(session_id), body.label)
    return document(session_document(session, caller))


@router.delete("/sessions/{session_id}", status_code=204, summary="End one of your sessions")
async def revoke_my_session(session_id: UUID, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Logs one of your devices out; its tokens are refused from the next request on. Yours may be this one."""
    await commands.revoke_session(services.database, caller, SessionId(session_id))
    return no_content()
