"""Registering: asked for here, confirmed with what was mailed. The same in all versions."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import ServicesHere
from app.api.links import VersionRoot
from app.api.responses import created
from app.api.routing import PublicRoute
from app.api.v1 import auth_schemas as wire
from app.api.v1.auth import own_tag
from app.api.v1.auth_documents import ACCOUNTS, account_document, mail_is_on_its_way
from app.domain.identity import registrations
from app.rate_limits.declarations import limiter

router = APIRouter(prefix="/auth", tags=["auth"], route_class=PublicRoute)


@router.post("/register", status_code=202, response_model=wire.MailIsOnItsWay, summary="Register")
@limiter.limit("20/minute")
async def register(
    request: Request,  # noqa: ARG001 - slowapi's decorator asks for it
    body: wire.Registration,
    services: ServicesHere,
) -> Response:
    """Mails a token to the address, which makes the account; see `POST …/auth/email/verify`.

    The answer is the same for every address. If it has an account already, the mail says so. An address gets at most
    five such mails an hour.
    """
    registration = registrations.Registration(body.email, body.name, body.password, body.timezone)
    await registrations.register(services.database, services.authority, services.letters, registration)
    return mail_is_on_its_way()


@router.post("/email/resend", status_code=202, response_model=wire.MailIsOnItsWay, summary="Mail the token again")
@limiter.limit("10/minute")
async def resend_registration_mail(
    request: Request,  # noqa: ARG001 - slowapi's decorator asks for it
    body: wire.AddressGiven,
    services: ServicesHere,
) -> Response:
    """Mails another token for the newest registration of the address; earlier ones stay good for their hour.

    The answer is the same for every address. If nothing waits to be confirmed, the mail says so.
    """
    await registrations.resend(services.database, services.letters, body.email)
    return mail_is_on_its_way()


@router.post(
    "/email/verify", status_code=201, response_model=wire.Account, responses={401: {}}, summary="Confirm a registration"
)
@limiter.limit("30/minute")
async def verify_registration(
    request: Request,  # noqa: ARG001 - slowapi's decorator asks for it
    body: wire.Confirmation,
    services: ServicesHere,
    root: VersionRoot,
) -> Response:
    """Makes the account and a personal team, which holds the todos that are nobody else's business. Then log in.

    A token that is not good, or not any more, is a 401 (`INVALID_MAIL_TOKEN`). So is another password than that of the
    registration (`WRONG_PASSWORD`): a mail that somebody else has caused cannot make you the owner of their account.
    """
    user = await registrations.confirm(services.database, services.authority, body.token, password=body.password)
    return created(account_document(user, root), location=ACCOUNTS[root], etag=own_tag(user))
