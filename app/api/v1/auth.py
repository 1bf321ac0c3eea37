"""Registering, logging in and out, and changing the password: the same in all versions."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.conditional import entity_tag
from app.api.dependencies import CurrentCaller, ServicesHere
from app.api.links import VersionRoot
from app.api.responses import created, document, no_content
from app.api.routing import ApiRoute, PublicRoute
from app.api.v1 import auth_schemas as wire
from app.api.v1.auth_documents import ACCOUNTS, account_document, tokens_document
from app.domain.identity import commands, rotation
from app.domain.identity.session import client_from
from app.domain.users.user import User
from app.rate_limits.declarations import limiter

OWN = "self"  # What takes the place of a role in the entity tags of accounts: everybody owns their own.

_public = APIRouter(route_class=PublicRoute)
router = APIRouter(prefix="/auth", tags=["auth"], route_class=ApiRoute)


@_public.post("/register", status_code=201, response_model=wire.Account, responses={409: {}}, summary="Register")
@limiter.limit("20/minute")
async def register(
    request: Request,  # noqa: ARG001 - slowapi's decorator asks for it
    body: wire.Registration,
    services: ServicesHere,
    root: VersionRoot,
) -> Response:
    """Makes an account and a personal team, which holds the todos that are nobody else's business.

    Log in afterwards to get tokens. An address that has an account already is a 409 (`EMAIL_TAKEN`).
    """
    registration = commands.Registration(body.email, body.name, body.password, body.timezone)
    user = await commands.register(services.database, services.authority, registration)
    return created(account_document(user, root), location=ACCOUNTS[root], etag=own_tag(user))


@_public.post("/login", response_model=wire.Tokens, responses={401: {}}, summary="Log in")
@limiter.limit("30/minute")
async def log_in(request: Request, body: wire.Login, services: ServicesHere) -> Response:
    """Opens a session and answers with its tokens.

    The access token goes into `Authorization: Bearer …` and is short-lived; exchange the refresh token for a new pair
    before it expires. The session ends on logout, when it is not refreshed for too long, and at its absolute expiry.
    An unknown address, a wrong password and a deactivated account get the same 401 (`INVALID_CREDENTIALS`).
    """
    client = client_from(request.headers.get("user-agent", ""), request.scope["state"]["client_address"])
    tokens = await commands.log_in(
        services.database, services.authority, email=body.email, password=body.password, client=client
    )
    return document(tokens_document(tokens))


@_public.post("/refresh", response_model=wire.Tokens, responses={401: {}}, summary="Refresh the tokens")
async def refresh_tokens(body: wire.Refresh, services: ServicesHere) -> Response:
    """Exchanges a refresh token for a new pair; the old one is used up.

    Sent again within a few seconds (a lost answer, two tabs), the old token gets the same successor. Later it counts
    as stolen: the answer is 401 (`REFRESH_TOKEN_REUSED`), and the whole session is ended.
    """
    tokens = await rotation.refresh(services.database, services.authority, body.refresh_token)
    return document(tokens_document(tokens))


@router.post("/logout", status_code=204, summary="Log out")
async def log_out(caller: CurrentCaller, services: ServicesHere) -> Response:
    """Ends the session of the access token. Both its tokens are refused from the next request on, by every worker."""
    await commands.log_out(services.database, caller)
    return no_content()


@router.post("/logout-all", status_code=204, summary="Log out everywhere")
async def log_out_everywhere(caller: CurrentCaller, services: ServicesHere) -> Response:
    """Ends all your sessions, this one included: for a lost device, or a suspicion."""
    await commands.log_out_everywhere(services.database, caller)
    return no_content()


@router.post("/password/change", status_code=204, responses={429: {}}, summary="Change your password")
async def change_password(body: wire.PasswordChange, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Replaces your password and ends all your sessions but this one.

    A wrong `current_password` is a 401 (`WRONG_PASSWORD`) and leaves everything as it is; after five within fifteen
    minutes the answer is 429 until these are over.
    """
    await commands.change_password(
        services.database,
        services.authority,
        caller,
        current_password=body.current_password,
        new_password=body.new_password,
    )
    return no_content()


router.include_router(_public)


def own_tag(user: User) -> str:
    """The entity tag of an account at `/me`, where everybody finds another one: it says whose it is."""
    return entity_tag(user.version, f"{OWN}{user.id.hex}")
