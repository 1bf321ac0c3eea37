"""One user at a time: the same in all versions. Their lists differ."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from app.api.conditional import entity_tag, expected_versions
from app.api.dependencies import CurrentCaller, IfMatch, IfNoneMatch, ServicesHere
from app.api.links import VersionRoot
from app.api.responses import document, listing, resource
from app.api.routing import ApiRoute
from app.api.sparse import SparseQuery, sparse
from app.api.v1 import user_schemas as wire
from app.api.v1.auth import OWN
from app.api.v1.user_documents import USER_MEMBERS, user_document
from app.domain.identity import administration
from app.domain.identity.administration import AccessChange
from app.domain.ids import UserId
from app.domain.users import queries
from app.domain.users.caller import ADMINISTRATOR, Caller
from app.domain.users.user import User

router = APIRouter(prefix="/users", tags=["users"], route_class=ApiRoute)


@router.get("/{user_id}", response_model=wire.User, summary="Get a user")
async def get_user(
    request: Request,
    user_id: UUID,
    query: Annotated[SparseQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    root: VersionRoot,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `resource`
) -> Response:
    """Shows one user. Administrators see everybody; for others everybody but themselves is a 404."""
    render = sparse(partial(user_document, caller=caller, root=root), query.fields, USER_MEMBERS)
    user = await queries.get(services.database.reader, caller, UserId(user_id))
    if query.fields:
        return listing(request, render(user))
    return resource(request, render(user), etag=_tag(user, caller))


@router.patch("/{user_id}", response_model=wire.User, summary="Change a user's access")
async def update_user_access(
    user_id: UUID,
    body: wire.AccessPatch,
    caller: CurrentCaller,
    services: ServicesHere,
    root: VersionRoot,
    if_match: IfMatch = None,
) -> Response:
    """Applies a JSON Merge Patch (RFC 7396) to what administrators decide: who may come in, and with which roles.

    Effective with the user's next request; deactivating ends all their sessions for good. Administrators cannot take
    their own access away (409, `OWN_ACCESS`), so there is always one left.
    """
    given = body.model_fields_set
    change = AccessChange(
        is_active=body.is_active if "is_active" in given else UNSET,
        roles=list(body.roles) if "roles" in given else UNSET,
    )
    expected = expected_versions(if_match)
    user = await administration.change_access(services.database, caller, UserId(user_id), change, expected=expected)
    return document(user_document(user, caller, root), headers={"ETag": _tag(user, caller)})


def _tag(user: User, caller: Caller) -> str:
    return entity_tag(user.version, ADMINISTRATOR if caller.is_administrator else OWN)
