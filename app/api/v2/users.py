"""Users in version 2, for administrators, who also decide here who comes in and with which roles."""

import datetime as dt
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.conditional import expected_versions
from app.api.dependencies import CurrentCaller, IfMatch, IfNoneMatch, Prefer, ServicesHere
from app.api.needs import needs
from app.api.pages import cursor_scope, page_request, page_response, wants_total
from app.api.responses import document, listing, resource
from app.api.routing import ApiRoute
from app.api.sparse import sparse
from app.api.v1.user_documents import user_tag
from app.api.v1.user_schemas import AccessPatch, access_change_of
from app.api.v2 import user_schemas as wire
from app.api.v2.user_documents import COUNTS, USER_MEMBERS, plain_user_document, user_details_document
from app.domain.identity import administration, oversight
from app.domain.identity.permissions import Permission
from app.domain.ids import UserId
from app.domain.users import queries
from app.domain.users.repository import UserFilter

router = APIRouter(prefix="/users", tags=["users"], route_class=ApiRoute)


@router.get("", response_model=wire.UserPage, summary="List users")
async def list_users(
    request: Request,
    query: Annotated[wire.UserListQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows all users, newest first, or those that the filters let through. For administrators; 403 for others."""
    render = sparse(partial(plain_user_document, caller=caller), query.fields, USER_MEMBERS)
    scope = cursor_scope("users", query)
    wanted = page_request(request, query, scope, dt.datetime)
    filters = UserFilter(is_active=query.is_active, q=query.q)
    page = await queries.page(services.database.reader, caller, wanted, filters=filters, with_total=wants_total(prefer))
    return page_response(request, page, render, limit=query.limit, scope=scope)


@router.get("/{user_id}", response_model=wire.UserDetails, summary="Get a user")
@needs(Permission.USERS_READ, hides=True)
async def get_user(
    request: Request,
    user_id: UUID,
    query: Annotated[wire.UserQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `resource`
) -> Response:
    """Shows one user. Administrators see everybody; for others everybody but themselves is a 404.

    With `fields` or `expand` the `ETag` is weak; the strong one is that of the plain user.
    """
    reader = services.database.reader
    user = await queries.get(reader, caller, UserId(user_id))
    wants_counts = query.expand or not set(COUNTS).isdisjoint(query.fields)
    counts = await oversight.credentials(reader, user.id) if wants_counts else None
    shown = sparse(
        partial(user_details_document, caller=caller, credentials=counts), query.fields, (*USER_MEMBERS, *COUNTS)
    )(user)
    if query.fields or query.expand:
        return listing(request, shown)
    return resource(request, shown, etag=user_tag(user, caller))


@router.patch("/{user_id}", response_model=wire.User, summary="Change a user's access")
@needs(Permission.USERS_ADMIN, hides=True)
async def update_user_access(
    user_id: UUID, body: AccessPatch, caller: CurrentCaller, services: ServicesHere, if_match: IfMatch = None
) -> Response:
    """Applies a JSON Merge Patch (RFC 7396) to what administrators decide: who may come in, and with which roles.

    Effective with the user's next request; deactivating ends all their sessions and API keys for good. Administrators
    cannot take their own access away (409, `OWN_ACCESS`), so there is always one left.
    """
    expected, change = expected_versions(if_match), access_change_of(body)
    user = await administration.change_access(services.database, caller, UserId(user_id), change, expected=expected)
    return document(plain_user_document(user, caller), headers={"ETag": user_tag(user, caller)})
