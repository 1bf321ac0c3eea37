"""Step-up: proving once more who you are, for what is sensitive."""

from fastapi import APIRouter
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, ServicesHere
from app.api.responses import document
from app.api.routing import ApiRoute
from app.api.v2 import step_up_schemas as wire
from app.domain.identity import step_up as commands

router = APIRouter(prefix="/auth", tags=["auth"], route_class=ApiRoute)


@router.post("/step-up", response_model=wire.Fresh, responses={429: {}}, summary="Prove again who you are")
async def step_up(body: wire.StepUp, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Makes this session fresh for some minutes, as a login does: sensitive operations take fresh sessions only.

    They answer 401 (`STEP_UP_REQUIRED`, RFC 9470) in any other. After five wrong attempts within fifteen minutes this
    answers 429 until these are over.
    """
    until = await commands.step_up(services.database, services.authority, caller, password=body.password)
    fresh: wire.Fresh = {"fresh_until": until}
    return document(fresh)
