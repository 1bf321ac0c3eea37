"""The second factors of others, for administrators: they can be taken away, never seen."""

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, ServicesHere
from app.api.needs import needs
from app.api.responses import no_content
from app.api.routing import ApiRoute
from app.domain.identity import factor_reset
from app.domain.identity.permissions import Permission
from app.domain.ids import UserId

router = APIRouter(prefix="/users", tags=["users"], route_class=ApiRoute)


@router.delete("/{user_id}/mfa", status_code=204, summary="Reset a user's second factors")
@needs(Permission.USERS_ADMIN, hides=True)
async def reset_user_mfa(user_id: UUID, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Takes all second factors and recovery codes from somebody who has lost them, and ends all their sessions.

    They are told by mail. For administrators, in a fresh session (401, `STEP_UP_REQUIRED`). Somebody whose password was
    long enough only next to a second factor has to reset it before the next login.
    """
    await factor_reset.reset_second_factors(services.database, services.cipher, caller, UserId(user_id))
    return no_content()
