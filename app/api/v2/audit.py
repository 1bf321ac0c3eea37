"""The audit log in version 2: all of it for administrators, and to everybody their own part."""

import datetime as dt
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, IfNoneMatch, ServicesHere
from app.api.pages import PageQuery, cursor_scope, page_request, page_response
from app.api.routing import ApiRoute
from app.api.v2 import audit_schemas as wire
from app.api.v2.audit_documents import activity_document, entry_document
from app.domain.audit import commands, queries
from app.domain.audit.list_repository import AuditFilter
from app.domain.errors import invalid_parameter
from app.domain.ids import TeamId, UserId

router = APIRouter(route_class=ApiRoute)


@router.get("/audit", tags=["audit"], response_model=wire.AuditPage, summary="List the audit log")
async def list_audit_log(
    request: Request,
    query: Annotated[wire.AuditQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows who did what, newest first, or what the filters let through. For administrators; 403 for others.

    That it was read, by whom and with which filters, is in the log, too.
    """
    if query.subject_id is not None and query.subject_kind is None:
        raise invalid_parameter("subject_kind", "SUBJECT_KIND_NEEDED", "subject_id needs subject_kind beside it.")
    scope = cursor_scope("audit", query)
    filters = AuditFilter(
        actor_id=None if query.actor_id is None else UserId(query.actor_id),
        action=query.action,
        outcome=query.outcome,
        subject_kind=query.subject_kind,
        subject_id=query.subject_id,
        team_id=None if query.team_id is None else TeamId(query.team_id),
        request_id=query.request_id,
        since=query.since,
        until=query.until,
    )
    wanted = page_request(request, query, scope, dt.datetime)
    page = await commands.read(services.database, caller.user_id, wanted, filters=filters)
    return page_response(request, page, entry_document, limit=query.limit, scope=scope)


@router.get("/me/activity", tags=["me"], response_model=wire.ActivityPage, summary="List your activity")
async def list_my_activity(
    request: Request,
    query: Annotated[PageQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows what you did, and what was done to your account, newest first: logins, failed ones too, changes of access.

    Of what others did, only that and when: neither who they are nor where they were.
    """
    scope = cursor_scope("me/activity", query)
    page = await queries.activity(
        services.database.reader, caller.user_id, page_request(request, query, scope, dt.datetime)
    )
    render = partial(activity_document, reader_id=caller.user_id)
    return page_response(request, page, render, limit=query.limit, scope=scope)
