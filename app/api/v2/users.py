"""The list of users in version 2, for administrators. One user at a time is the same in all versions."""

import datetime as dt
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, IfNoneMatch, Prefer, ServicesHere
from app.api.links import VERSION_2
from app.api.pages import cursor_scope, page_request, page_response, wants_total
from app.api.routing import ApiRoute
from app.api.sparse import sparse
from app.api.v1.user_documents import USER_MEMBERS, user_document
from app.api.v2 import user_schemas as wire
from app.domain.users import queries
from app.domain.users.repository import UserFilter

router = APIRouter(prefix="/users", tags=["users"], route_class=ApiRoute)


@router.get("", response_model=wire.UserPage, responses={403: {}}, summary="List users")
async def list_users(
    request: Request,
    query: Annotated[wire.UserListQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows all users, newest first, or those that the filters let through. For administrators; 403 for others."""
    render = sparse(partial(user_document, caller=caller, root=VERSION_2), query.fields, USER_MEMBERS)
    scope = cursor_scope("users", query)
    wanted = page_request(request, query, scope, dt.datetime)
    filters = UserFilter(is_active=query.is_active, q=query.q)
    page = await queries.page(services.database.reader, caller, wanted, filters=filters, with_total=wants_total(prefer))
    return page_response(request, page, render, limit=query.limit, scope=scope)
