"""The address of your account, and how it gets another."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, ServicesHere
from app.api.responses import document
from app.api.routing import ApiRoute
from app.api.v1 import auth_schemas as wire
from app.api.v1.auth_documents import mail_is_on_its_way
from app.api.v2.user_documents import own_account_document, own_account_tag
from app.api.v2.user_schemas import OwnAccount
from app.domain.identity import email_changes
from app.rate_limits.declarations import limiter

router = APIRouter(prefix="/me/email", tags=["me"], route_class=ApiRoute)


@router.post("", status_code=202, response_model=wire.MailIsOnItsWay, summary="Ask for another address")
@limiter.limit("10/hour")
async def change_my_email(
    request: Request,  # noqa: ARG001 - slowapi's decorator asks for it
    body: wire.AddressGiven,
    caller: CurrentCaller,
    services: ServicesHere,
) -> Response:
    """Mails a token to the new address, and a warning to the one that you have. Until it is confirmed, that stays.

    The answer is the same for every address. If another account has it, its owner is told, and nobody else. You can
    ask ten times an hour.
    """
    await email_changes.ask(services.database, services.letters, caller, body.email)
    return mail_is_on_its_way()


@router.post("/verify", response_model=OwnAccount, summary="Confirm your new address")
async def verify_my_email(body: wire.MailedToken, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Gives your account the address that the token was mailed to. Your sessions stay; log in with it from now on.

    A token that is not good, or not any more, or not yours, is a 401 (`INVALID_MAIL_TOKEN`).
    """
    user = await email_changes.confirm(services.database, services.letters, caller, body.token)
    return document(own_account_document(user, caller), headers={"ETag": own_account_tag(user, caller)})
