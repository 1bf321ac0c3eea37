"""Your own account: the same in all versions, at `/users/me` in version 1 and at `/me` in version 2."""

from fastapi import APIRouter
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from app.api.conditional import expected_versions
from app.api.dependencies import CurrentCaller, IfMatch, IfNoneMatch, ServicesHere
from app.api.kept import kept, nothing_else
from app.api.links import VersionRoot
from app.api.responses import document, resource
from app.api.routing import ApiRoute
from app.api.v1 import user_schemas as wire
from app.api.v1.auth import own_tag
from app.api.v1.auth_documents import account_document
from app.api.v1.auth_schemas import Account
from app.domain.users import commands, queries
from app.domain.users.user import ProfileChange

router = APIRouter(tags=["me"], route_class=ApiRoute)


@router.get("", response_model=Account, summary="Get your account")
@kept("me", nothing_else, is_list=False)
async def get_me(
    request: Request,
    caller: CurrentCaller,
    services: ServicesHere,
    root: VersionRoot,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `resource`
) -> Response:
    """Shows who you are, and links to what is yours. The strong `ETag` serves `If-Match` when changing it."""
    user = await queries.get(services.database.reader, caller, caller.user_id)
    return resource(request, account_document(user, root), etag=own_tag(user))


@router.patch("", response_model=Account, summary="Change your account")
async def update_me(
    body: wire.AccountPatch,
    caller: CurrentCaller,
    services: ServicesHere,
    root: VersionRoot,
    if_match: IfMatch = None,
) -> Response:
    """Applies a JSON Merge Patch (RFC 7396) to your name, time zone and language.

    A new time zone decides from the next request on what `today` and `overdue` mean for you.
    """
    given = body.model_fields_set
    change = ProfileChange(
        name=body.name if "name" in given else UNSET,
        timezone=body.timezone if "timezone" in given else UNSET,
        locale=body.locale if "locale" in given else UNSET,
    )
    user = await commands.update_profile(services.database, caller, change, expected=expected_versions(if_match))
    return document(account_document(user, root), headers={"ETag": own_tag(user)})
