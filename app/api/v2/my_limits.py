"""What is left of your limits, in version 2."""

from typing import Annotated, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from app.api.dependencies import ServicesHere
from app.api.fields import described
from app.api.needs import needs
from app.api.responses import document
from app.api.routing import ApiRoute
from app.domain.identity.permissions import Permission
from app.rate_limits.budgets import Charge
from app.rate_limits.limits import RateLimits

router = APIRouter(prefix="/me", tags=["me"], route_class=ApiRoute)

Subject = Literal["user", "token", "address"]


class Budget(TypedDict):
    """One limit, and what is left of it."""

    name: Annotated[str, described("As `RateLimit` and `RateLimit-Policy` call it.", "writes")]
    subject: Annotated[Subject, described("Whose requests it counts.", "user")]
    limit: Annotated[int, described("How many may be made at once, and in each window in the long run.", 300)]
    window_seconds: Annotated[int, described("How long it takes until all of it is back.", 60)]
    remaining: Annotated[int, described("How many may be made now.", 297)]
    reset_seconds: Annotated[int, described("After how long it is whole again, if nothing is asked meanwhile.", 1)]


class Budgets(TypedDict):
    """The limits that hold for all operations."""

    limits: Annotated[list[Budget], described("Each of them; a request counts for several.")]
    is_shared: Annotated[
        bool, described("false: each process of the service counts alone, since Redis cannot be asked.", True)
    ]
    scale: Annotated[float, described("Below 1 while the service has more to do than it can: limits are lower.", 1.0)]


@router.get("/limits", response_model=Budgets, summary="Show what is left of your limits")
@needs(Permission.ME_READ)
async def get_my_limits(request: Request, services: ServicesHere) -> Response:
    """Lists your limits as they are after this request, which counts as a read like any other.

    An operation may have a limit of its own besides; its answers name it.
    """
    limits = services.limits
    scope = request.scope
    left = await limits.look(scope["state"]["client_key"], scope["known"].payer)
    return document(
        Budgets(
            limits=[_budget(charge, limits) for charge in left],
            is_shared=limits.is_shared,
            scale=round(limits.scale, 2),
        )
    )


def _budget(charge: Charge, limits: RateLimits) -> Budget:
    ((limit, _, _),) = charge.items
    subjects: dict[object, Subject] = {limits.address: "address", limits.token: "token"}
    return Budget(
        name=limit.name,
        subject=subjects.get(limit, "user"),
        limit=limit.rate.amount,
        window_seconds=limit.rate.window_seconds,
        remaining=charge.remaining,
        reset_seconds=charge.wait_seconds,
    )
