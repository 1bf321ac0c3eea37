"""Your account, in version 2."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.conditional import expected_versions
from app.api.dependencies import CurrentCaller, IfMatch, IfNoneMatch, ServicesHere
from app.api.kept import kept, nothing_else
from app.api.needs import needs
from app.api.responses import document, resource
from app.api.routing import ApiRoute
from app.api.v1.user_schemas import AccountPatch, profile_change_of
from app.api.v2 import user_schemas as wire
from app.api.v2.user_documents import own_account_document, own_account_tag
from app.domain.identity.permissions import Permission
from app.domain.users import commands, queries

router = APIRouter(prefix="/me", tags=["me"], route_class=ApiRoute)


@router.get("", response_model=wire.OwnAccount, summary="Get your account")
@needs(Permission.ME_READ)
@kept("me", nothing_else, is_list=False)
async def get_me(
    request: Request,
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `resource`
) -> Response:
    """Shows who you are and which API key you show, if any, and links to what is yours.

    The strong `ETag` serves `If-Match` when changing it.
    """
    user = await queries.get(services.database.reader, caller, caller.user_id)
    return resource(request, own_account_document(user, caller), etag=own_account_tag(user, caller))


@router.patch("", response_model=wire.OwnAccount, summary="Change your account")
@needs(Permission.ME_WRITE)
async def update_me(
    body: AccountPatch, caller: CurrentCaller, services: ServicesHere, if_match: IfMatch = None
) -> Response:
    """Applies a JSON Merge Patch (RFC 7396) to your name, time zone and language.

    A new time zone decides from the next request on what `today` and `overdue` mean for you.
    """
    expected = expected_versions(if_match)
    user = await commands.update_profile(services.database, caller, profile_change_of(body), expected=expected)
    return document(own_account_document(user, caller), headers={"ETag": own_account_tag(user, caller)})
