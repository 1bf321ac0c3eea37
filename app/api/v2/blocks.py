"""Clients that are kept out, for administrators: who, why, until when; keeping somebody out, and letting them in."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, IfNoneMatch, Prefer, ServicesHere
from app.api.needs import needs
from app.api.pages import cursor_scope, page_request, page_response, wants_total
from app.api.responses import created, document, no_content
from app.api.routing import ApiRoute
from app.api.v2 import block_schemas as wire
from app.client_address import key_of
from app.domain.blocks import commands, queries
from app.domain.blocks.block import Block
from app.domain.blocks.repository import BlockFilter
from app.domain.errors import Conflict, invalid, invalid_parameter
from app.domain.identity.permissions import Permission
from app.domain.ids import BlockId
from app.lifespan import Services

router = APIRouter(prefix="/admin/blocks", tags=["blocks"], route_class=ApiRoute)

_HERE = "/api/v2/admin/blocks"
_RULE = "address must be an IP address, or an IPv6 network of 64 bits."


@router.get("", response_model=wire.BlockPage, summary="List blocks")
async def list_blocks(
    request: Request,
    query: Annotated[wire.BlockListQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows blocks of client addresses, newest first: those in force, and for a month those that are over.

    For administrators; 403 for others.
    """
    key = None
    if query.address is not None and (key := key_of(query.address)) is None:
        raise invalid_parameter("address", "ADDRESS_FORMAT", _RULE)
    scope = cursor_scope("blocks", query)
    wanted = page_request(request, query, scope, dt.datetime)
    filters = BlockFilter(is_active=query.is_active, client_key=key)
    page = await queries.page(services.database.reader, caller, wanted, filters=filters, with_total=wants_total(prefer))
    return page_response(request, page, _document, limit=query.limit, scope=scope)


@router.post("", status_code=201, response_model=wire.Block, summary="Block an address")
async def create_block(
    request: Request, body: wire.BlockCreate, caller: CurrentCaller, services: ServicesHere
) -> Response:
    """Keeps an address out from now on, in every process: each of its requests is answered 429 (`ADDRESS_BLOCKED`).

    An IPv6 address stands for its /64. Conflicts (409): it is blocked already (`ALREADY_BLOCKED`), it is your own
    (`OWN_ADDRESS`), it may not be blocked by these settings (`EXEMPT_ADDRESS`), or blocking is switched off
    (`PROTECTION_DISABLED`).
    """
    key = key_of(body.address)
    if key is None:
        raise invalid("#/address", "ADDRESS_FORMAT", _RULE)
    guard = services.guard
    if guard is None:
        raise Conflict("ENABLE_ENHANCED_SECURITY is off, so a block would do nothing.", code="PROTECTION_DISABLED")
    if key == request.scope["state"]["client_key"]:
        raise Conflict("This is your own address; you would lock yourself out.", code="OWN_ADDRESS")
    if guard.is_exempt(key):
        raise Conflict(
            "The address belongs to a trusted proxy or to the allow-list, or stands for this machine.",
            code="EXEMPT_ADDRESS",
        )
    block = await commands.block(
        services.database, caller, key, lasting=dt.timedelta(minutes=body.minutes), note=body.note
    )
    guard.blocklist.hold(key, (block.until - block.since).total_seconds())
    return created(_document(block), location=f"{_HERE}/{block.id}")


@router.get("/{block_id}", response_model=wire.Block, summary="Get a block")
@needs(Permission.BLOCKS_READ, hides=True)
async def get_block(block_id: UUID, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Shows one block, whether it is in force or over. For administrators; a 404 for others."""
    return document(_document(await queries.get(services.database.reader, caller, BlockId(block_id))))


@router.delete("/{block_id}", status_code=204, summary="Lift a block")
@needs(Permission.BLOCKS_ADMIN, hides=True)
async def lift_block(block_id: UUID, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Lets the address in again with its next request, in every process. The block stays in the list, as lifted.

    A lifted block does not make the next one longer. One that is over already is a 404.
    """
    _let_in(services, await commands.lift(services.database, caller, BlockId(block_id)))
    return no_content()


def _let_in(services: Services, block: Block) -> None:
    if services.guard is not None:
        services.guard.blocklist.release(block.client_key)


def _document(block: Block) -> wire.Block:
    return {
        "id": block.id,
        "address": block.client_key,
        "is_active": block.is_active,
        "strike": block.strike,
        "signals": block.signals,
        "score": block.score,
        "note": block.note,
        "since": block.since,
        "until": block.until,
        "created_by": block.created_by,
        "lifted_at": block.lifted_at,
        "lifted_by": block.lifted_by,
        "links": {"self": f"{_HERE}/{block.id}"},
    }
