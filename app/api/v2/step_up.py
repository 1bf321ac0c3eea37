"""Step-up: proving once more who you are, for what is sensitive."""

from fastapi import APIRouter
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, ServicesHere
from app.api.responses import document
from app.api.routing import ApiRoute
from app.api.v2 import step_up_schemas as wire
from app.domain.errors import invalid
from app.domain.identity import step_up as commands
from app.domain.identity.step_up import FactorProof
from app.domain.second_factors.factor import Method

router = APIRouter(prefix="/auth", tags=["auth"], route_class=ApiRoute)


@router.post("/step-up", response_model=wire.Fresh, responses={429: {}}, summary="Prove again who you are")
async def step_up(body: wire.StepUp, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Makes this session fresh for some minutes, as a login does: sensitive operations take fresh sessions only.

    They answer 401 (`STEP_UP_REQUIRED`, RFC 9470) in any other. With a second factor its `method` and a `code` are
    needed (`POST /api/v2/me/mfa/{method}/send` sends one by SMS or mail), else the password. After five wrong attempts
    within fifteen minutes this answers 429 until these are over.
    """
    until = await commands.step_up(services.database, services.authority, services.factor_keys, caller, _proof(body))
    fresh: wire.Fresh = {"fresh_until": until}
    return document(fresh)


def _proof(body: wire.StepUp) -> str | FactorProof:
    match body.password, body.method, body.code:
        case str() as password, None, None:
            return password
        case None, str() as method, str() as code:
            return FactorProof(Method(method), code)
        case _:
            raise invalid("#", "ONE_PROOF", "Send either password, or method and code.")
