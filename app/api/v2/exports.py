"""Everything that the service knows about you, as an archive: asking for it, and looking how far it is."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, IfNoneMatch, Prefer, ServicesHere
from app.api.pages import PageQuery, cursor_scope, page_request, page_response, wants_total
from app.api.responses import document, listing
from app.api.routing import ApiRoute
from app.api.v2 import export_schemas as wire
from app.api.v2.export_documents import export_document
from app.domain.exports import commands, queries
from app.domain.ids import ExportId
from app.rate_limits.declarations import limiter

router = APIRouter(prefix="/me", tags=["me"], route_class=ApiRoute)


@router.post(
    "/export",
    status_code=202,
    response_model=wire.Export,
    responses={202: {"headers": {"Location": {}}}},
    summary="Export your data",
)
@limiter.limit("10/hour")
async def create_my_export(
    request: Request,  # noqa: ARG001 - slowapi's decorator asks for it
    caller: CurrentCaller,
    services: ServicesHere,
) -> Response:
    """Begins to build an archive of everything that the service knows about you; a mail says when it is ready.

    Takes a session that was proved in the last minutes, else 401 (`STEP_UP_REQUIRED`). While one is under way, asking
    again answers the same one; after five within 24 hours it is 429 (`TOO_MANY_EXPORTS`).
    """
    shown = export_document(await commands.ask(services.database, caller))
    return document(shown, status=202, headers={"Location": shown["links"]["self"]})


@router.get("/exports", response_model=wire.ExportPage, summary="List your exports")
async def list_my_exports(
    request: Request,
    query: Annotated[PageQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows the exports that you have asked for, newest first; for thirty days after each was ready or failed."""
    scope = cursor_scope("me/exports", query)
    wanted = page_request(request, query, scope, dt.datetime)
    page = await queries.page(services.database.reader, caller, wanted, with_total=wants_total(prefer))
    return page_response(request, page, export_document, limit=query.limit, scope=scope)


@router.get("/exports/{export_id}", response_model=wire.Export, summary="Get one of your exports")
async def get_my_export(
    request: Request,
    export_id: UUID,
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows how far an export is, and until when its archive can be fetched, under a weak `ETag`."""
    export = await queries.one(services.database.reader, caller, ExportId(export_id))
    return listing(request, export_document(export))
