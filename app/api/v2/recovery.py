"""A new password for who has forgotten theirs."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import ServicesHere
from app.api.responses import no_content
from app.api.routing import PublicRoute
from app.api.v1 import auth_schemas as wire
from app.api.v1.auth_documents import mail_is_on_its_way
from app.domain.identity import password_resets
from app.rate_limits.declarations import limiter

router = APIRouter(prefix="/auth/password", tags=["auth"], route_class=PublicRoute)


@router.post("/forgot", status_code=202, response_model=wire.MailIsOnItsWay, summary="Ask for a new password")
@limiter.limit("10/minute")
async def forgot_password(
    request: Request,  # noqa: ARG001 - slowapi's decorator asks for it
    body: wire.AddressGiven,
    services: ServicesHere,
) -> Response:
    """Mails a token for a new password. It is good for an hour and once, and only the newest is.

    The answer is the same for every address. If no active account has it, the mail says so. An address gets at most
    five such mails an hour.
    """
    await password_resets.ask(services.database, services.letters, body.email)
    return mail_is_on_its_way()


@router.post("/reset", status_code=204, responses={401: {}}, summary="Choose a new password")
@limiter.limit("20/minute")
async def reset_password(
    request: Request,  # noqa: ARG001 - slowapi's decorator asks for it
    body: wire.PasswordReset,
    services: ServicesHere,
) -> Response:
    """Replaces the password and ends all sessions. Log in afterwards; a second factor is asked for as before.

    A token that is not good, or not any more, is a 401 (`INVALID_MAIL_TOKEN`): so is every one that was mailed before
    the password or the address was changed. A password that is refused leaves the token as it is.
    """
    await password_resets.reset(
        services.database, services.authority, services.letters, body.token, new_password=body.new_password
    )
    return no_content()
