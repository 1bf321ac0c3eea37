"""One user at a time, in version 1."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.conditional import expected_versions
from app.api.dependencies import CurrentCaller, IfMatch, IfNoneMatch, ServicesHere
from app.api.links import VERSION_1
from app.api.needs import needs
from app.api.responses import document, listing, resource
from app.api.routing import ApiRoute
from app.api.sparse import SparseQuery, sparse
from app.api.v1 import user_schemas as wire
from app.api.v1.user_documents import USER_MEMBERS, user_document, user_tag
from app.domain.identity import administration
from app.domain.identity.permissions import Permission
from app.domain.ids import UserId
from app.domain.users import queries

router = APIRouter(prefix="/users", tags=["users"], route_class=ApiRoute)


@router.get("/{user_id}", response_model=wire.User, summary="Get a user")
@needs(Permission.USERS_READ, hides=True)
async def get_user(
    request: Request,
    user_id: UUID,
    query: Annotated[SparseQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `resource`
) -> Response:
    """Shows one user. Administrators see everybody; for others everybody but themselves is a 404."""
    render = sparse(partial(user_document, caller=caller, root=VERSION_1), query.fields, USER_MEMBERS)
    user = await queries.get(services.database.reader, caller, UserId(user_id))
    if query.fields:
        return listing(request, render(user))
    return resource(request, render(user), etag=user_tag(user, caller))


@router.patch("/{user_id}", response_model=wire.User, summary="Change a user's access")
@needs(Permission.USERS_ADMIN, hides=True)
async def update_user_access(
    user_id: UUID,
    body: wire.AccessPatch,
    caller: CurrentCaller,
    services: ServicesHere,
    if_match: IfMatch = None,
) -> Response:
    """Applies a JSON Merge Patch (RFC 7396) to what administrators decide: who may come in, and with which roles.

    Effective with the user's next request; deactivating ends all their sessions for good. Administrators cannot take
    their own access away (409, `OWN_ACCESS`), so there is always one left.
    """
    expected, change = expected_versions(if_match), wire.access_change_of(body)
    user = await administration.change_access(services.database, caller, UserId(user_id), change, expected=expected)
    return document(user_document(user, caller, VERSION_1), headers={"ETag": user_tag(user, caller)})
