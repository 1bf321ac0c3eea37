"""Your API keys, in version 2: making them, looking at them, ending them. None of it can be done with one."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, IfNoneMatch, Prefer, ServicesHere
from app.api.pages import PageQuery, cursor_scope, page_request, page_response, wants_total
from app.api.responses import created, listing, no_content
from app.api.routing import ApiRoute
from app.api.v2 import api_key_schemas as wire
from app.api.v2.api_key_documents import api_key_document, issued_document
from app.domain.identity import api_key_commands as commands
from app.domain.identity import queries
from app.domain.identity.api_key import ApiKeyDraft, Issued
from app.domain.ids import ApiKeyId

router = APIRouter(prefix="/me/api-keys", tags=["keys"], route_class=ApiRoute)


@router.get("", response_model=wire.ApiKeyPage, summary="List your API keys")
async def list_my_api_keys(
    request: Request,
    query: Annotated[PageQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows the keys that still live, newest first, with when and from where each was last used."""
    scope = cursor_scope("me/api-keys", query)
    wanted = page_request(request, query, scope, dt.datetime)
    page = await queries.api_keys(services.database.reader, caller, wanted, with_total=wants_total(prefer))
    return page_response(request, page, api_key_document, limit=query.limit, scope=scope)


@router.post("", status_code=201, response_model=wire.IssuedApiKey, summary="Create an API key")
async def create_my_api_key(body: wire.ApiKeyCreate, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Makes a key for a program and shows it, this once: `token`.

    It can do what its scopes name, as far as you can do that yourself at that moment; scopes beyond your own role are
    refused. You can have 50 that live (409, `TOO_MANY_API_KEYS`). A new password leaves them alone.
    """
    draft = ApiKeyDraft(body.name, body.scopes, dt.timedelta(days=body.expires_in_days))
    return _issued(await commands.create(services.database, caller, draft))


@router.get("/{api_key_id}", response_model=wire.ApiKey, summary="Get one of your API keys")
async def get_my_api_key(
    request: Request,
    api_key_id: UUID,
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows one key that still lives, but never its text, under a weak `ETag`."""
    api_key = await queries.api_key(services.database.reader, caller, ApiKeyId(api_key_id))
    return listing(request, api_key_document(api_key))


@router.post(
    "/{api_key_id}/rotate", status_code=201, response_model=wire.IssuedApiKey, summary="Replace one of your API keys"
)
async def rotate_my_api_key(api_key_id: UUID, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Ends a key and makes another of the same name, scopes and length of life, in one step; shows it this once.

    The old one is refused from the next request on.
    """
    return _issued(await commands.rotate(services.database, caller, ApiKeyId(api_key_id)))


@router.delete("/{api_key_id}", status_code=204, summary="Revoke one of your API keys")
async def revoke_my_api_key(api_key_id: UUID, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Ends a key for good; it is refused from the next request on, by every worker."""
    await commands.revoke(services.database, caller, ApiKeyId(api_key_id))
    return no_content()


def _issued(issued: Issued) -> Response:
    shown = issued_document(issued)
    return created(shown, location=shown["links"]["self"])
