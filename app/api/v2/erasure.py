"""Deleting your account, and calling that off."""

from datetime import timedelta

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, ServicesHere
from app.api.refresh_cookie import cleared
from app.api.responses import document, no_content
from app.api.routing import ApiRoute, PublicRoute
from app.api.v1.auth_documents import mail_is_on_its_way
from app.api.v1.auth_schemas import AddressGiven, MailIsOnItsWay
from app.api.v2 import erasure_schemas as wire
from app.domain.erasure import scheduling
from app.rate_limits.declarations import limiter

router = APIRouter()
_own = APIRouter(prefix="/me", tags=["me"], route_class=ApiRoute)
_public = APIRouter(prefix="/auth/deletion", tags=["auth"], route_class=PublicRoute)


@_own.delete(
    "", status_code=202, response_model=wire.DeletionScheduled, responses={409: {}}, summary="Delete your account"
)
async def delete_me(request: Request, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Closes your account at once and has it erased some days later; until then a mail lets you call it off.

    Takes a fresh session (401, `STEP_UP_REQUIRED`). All your sessions and API keys end with this answer. What only you
    can see is erased; what you wrote in teams that you share stays there without your name, and a team that you alone
    own goes to its longest-serving admin, or else member. Administrators of the service have to lose that role first
    (409, `ADMINISTRATOR`).
    """
    delay = timedelta(days=services.settings.privacy.erasure_delay_days)
    due = await scheduling.schedule(services.database, services.letters, caller, delay=delay)
    scheduled: wire.DeletionScheduled = {"deletion_scheduled_at": due}
    return cleared(request, document(scheduled, status=202))


@_public.post("/resend", status_code=202, response_model=MailIsOnItsWay, summary="Ask again how to call a deletion off")
@limiter.limit("10/minute")
async def resend_cancellation(
    request: Request,  # noqa: ARG001 - slowapi's decorator asks for it
    body: AddressGiven,
    services: ServicesHere,
) -> Response:
    """Mails another token that calls the deletion of an account off; those before stay good.

    The answer is the same for every address. If no account with it is about to be deleted, the mail says so.
    """
    await scheduling.resend(services.database, services.letters, body.email)
    return mail_is_on_its_way()


@_public.post("/cancel", status_code=204, responses={401: {}}, summary="Call a deletion off")
@limiter.limit("20/minute")
async def cancel_deletion(
    request: Request,  # noqa: ARG001 - slowapi's decorator asks for it
    body: wire.Cancellation,
    services: ServicesHere,
) -> Response:
    """Keeps the account after all. Log in afterwards, as before; API keys have to be made anew.

    It takes the token of the mail, and no password, which somebody who took the account over might have changed. Until
    this is done, logins with the right password are refused (401, `DELETION_SCHEDULED`). A token that is not good, or
    not any more, is a 401 (`INVALID_MAIL_TOKEN`).
    """
    await scheduling.cancel(services.database, services.letters, body.token)
    return no_content()


router.include_router(_own)
router.include_router(_public)
