"""Your own account in version 1. In version 2 it is at `/me`, and says which API key asks."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.conditional import expected_versions
from app.api.dependencies import CurrentCaller, IfMatch, IfNoneMatch, ServicesHere
from app.api.kept import kept, nothing_else
from app.api.links import VERSION_1
from app.api.needs import needs
from app.api.responses import document, resource
from app.api.routing import ApiRoute
from app.api.v1 import user_schemas as wire
from app.api.v1.auth import own_tag
from app.api.v1.auth_documents import account_document
from app.api.v1.auth_schemas import Account
from app.domain.identity.permissions import Permission
from app.domain.users import commands, queries

router = APIRouter(prefix="/users/me", tags=["me"], route_class=ApiRoute)


@router.get("", response_model=Account, summary="Get your account")
@needs(Permission.ME_READ)
@kept("me", nothing_else, is_list=False)
async def get_me(
    request: Request,
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `resource`
) -> Response:
    """Shows who you are, and links to what is yours. The strong `ETag` serves `If-Match` when changing it."""
    user = await queries.get(services.database.reader, caller, caller.user_id)
    return resource(request, account_document(user, VERSION_1), etag=own_tag(user))


@router.patch("", response_model=Account, summary="Change your account")
@needs(Permission.ME_WRITE)
async def update_me(
    body: wire.AccountPatch,
    caller: CurrentCaller,
    services: ServicesHere,
    if_match: IfMatch = None,
) -> Response:
    """Applies a JSON Merge Patch (RFC 7396) to your name, time zone and language.

    A new time zone decides from the next request on what `today` and `overdue` mean for you.
    """
    expected = expected_versions(if_match)
    user = await commands.update_profile(services.database, caller, wire.profile_change_of(body), expected=expected)
    return document(account_document(user, VERSION_1), headers={"ETag": own_tag(user)})
