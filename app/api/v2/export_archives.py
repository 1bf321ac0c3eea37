"""Archives of what the service knows about you: fetching them."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.api.dependencies import CurrentCaller, ServicesHere
from app.api.responses import require_media_type
from app.api.routing import ApiRoute
from app.domain.exports import commands
from app.domain.ids import ExportId

ZIP = "application/zip"
# However slowly a client reads: a whole archive is sent within this, or the rest is not.
SENDING_SECONDS = 600.0

_ARCHIVE: dict[str, Any] = {
    "description": "The archive: a zip file of JSON Lines, and `index.json`, which says what they are.",
    "content": {ZIP: {"schema": {"type": "string", "contentMediaType": ZIP}, "example": "PK…"}},
    "headers": {"Content-Disposition": {}},
}


class ArchiveRoute(ApiRoute):
    """A route for known callers that answers no JSON, but in its errors."""

    is_json = False


router = APIRouter(prefix="/me/exports", tags=["me"], route_class=ArchiveRoute)


@router.get(
    "/{export_id}/archive",
    response_class=Response,
    responses={200: _ARCHIVE, 409: {}, 410: {}},
    summary="Fetch the archive of an export",
)
async def fetch_my_export(request: Request, export_id: UUID, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Sends the archive of an export that is ready, as often as you like until it expires.

    Takes a session that was proved in the last minutes, else 401 (`STEP_UP_REQUIRED`). Before it is ready it is 409
    (`EXPORT_NOT_READY`, or `EXPORT_FAILED` if it never will be), after its time 410 (`EXPORT_EXPIRED`).
    """
    require_media_type(request.scope, ZIP)
    archive = await commands.open_archive(services.database, services.cipher, caller, ExportId(export_id))
    # Sent for longer than other answers may be, as long as the client takes it.
    request.scope["outgoing"].ends_by = asyncio.get_running_loop().time() + SENDING_SECONDS
    name = f"todo-export-{archive.created_at:%Y-%m-%d}.zip"
    return StreamingResponse(
        archive.pieces,
        media_type=ZIP,
        headers={
            "Content-Length": str(archive.size_bytes),
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )
