"""Logging in and out, and changing the password: the same in all versions."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api import refresh_cookie
from app.api.conditional import entity_tag
from app.api.csrf import CsrfToken
from app.api.dependencies import CurrentCaller, ServicesHere
from app.api.login_tries import counted_login
from app.api.needs import needs
from app.api.refresh_cookie import Delivery, TokenOrCookieRoute, cleared, deliver, presented, require_page
from app.api.responses import no_content
from app.api.routing import ApiRoute, PublicRoute
from app.api.v1 import auth_schemas as wire
from app.domain.errors import Malformed, invalid
from app.domain.identity import commands, rotation
from app.domain.identity.permissions import Permission
from app.domain.identity.session import client_from
from app.domain.users.user import User
from app.rate_limits.declarations import limiter

OWN = "self"  # What takes the place of a role in the entity tags of accounts: everybody owns their own.

_public = APIRouter(route_class=PublicRoute)
_by_cookie = APIRouter(route_class=TokenOrCookieRoute)
router = APIRouter(prefix="/auth", tags=["auth"], route_class=ApiRoute)


@_public.post(
    "/login",
    response_model=wire.Tokens | wire.CookieTokens,
    response_description="The tokens of the session.",
    responses={401: {}, 403: {}},
    summary="Log in",
)
@limiter.limit("30/minute")
async def log_in(request: Request, body: wire.Login, services: ServicesHere) -> Response:
    """Opens a session and answers with its tokens.

    The access token goes into `Authorization: Bearer …` and is short-lived; exchange the refresh token for a new pair
    before it expires. The session ends on logout, when it is not refreshed for too long, and at its absolute expiry.
    An unknown address, a wrong password and a deactivated account get the same 401 (`INVALID_CREDENTIALS`). After
    five of them within five minutes, this account waits for your address (429, `LOGIN_THROTTLED`).

    Pages in a browser ask for `token_delivery: cookie`: the refresh token is then only in the cookie
    `__Host-todo_refresh`, and a `csrf_token` takes its place in the answer. It is also in the cookie
    `__Host-todo_csrf`, which the page can read after it was loaded anew. Pages of other origins than those that the
    service is configured for get a 403.
    """
    require_page(request, body.token_delivery)
    client = client_from(request.headers.get("user-agent", ""), request.scope["state"]["client_address"])
    async with counted_login(request, body.email):
        tokens = await commands.log_in(
            services.database, services.authority, email=body.email, password=body.password, client=client
        )
    return deliver(request, tokens, body.token_delivery)


@_public.post(
    "/refresh",
    response_model=wire.Tokens | wire.CookieTokens,
    response_description="The next tokens of the session.",
    responses={401: {}, 403: {}},
    summary="Refresh the tokens",
)
async def refresh_tokens(
    request: Request,
    body: wire.Refresh,
    services: ServicesHere,
    csrf_token: CsrfToken = None,  # noqa: ARG001 - documented here, read by `presented`
) -> Response:
    """Exchanges a refresh token for a new pair; the old one is used up.

    Sent again within a few seconds (a lost answer, two tabs), the old token gets the same successor. Later it counts
    as stolen: the answer is 401 (`REFRESH_TOKEN_REUSED`), and the whole session is ended.

    In cookie mode the body is `{}`: the token comes by its cookie, and is taken only with `X-CSRF-Token`. Sending both
    is a 400.
    """
    if refresh_cookie.is_given(request):
        if body.refresh_token is not None:
            raise Malformed("Send the refresh token in the cookie or in the body, not in both.", code="TWO_TOKENS")
        delivery: Delivery = "cookie"
        old_token = await presented(request, services.database)
    elif body.refresh_token is None:
        raise invalid("#/refresh_token", "MISSING", "refresh_token is needed where there is no cookie with it.")
    else:
        delivery, old_token = "body", body.refresh_token
    tokens = await rotation.refresh(services.database, services.authority, old_token)
    return deliver(request, tokens, delivery)


@_by_cookie.post("/logout", status_code=204, responses={403: {}}, summary="Log out")
@needs(Permission.ACCOUNT)
async def log_out(
    request: Request,
    services: ServicesHere,
    csrf_token: CsrfToken = None,  # noqa: ARG001 - documented here, read by `presented`
) -> Response:
    """Ends the session of the access token. Both its tokens are refused from the next request on, by every worker.

    In cookie mode the refresh cookie with `X-CSRF-Token` does as well as an access token; the cookies go away.
    """
    caller = request.scope.get("caller")
    if caller is None:
        await rotation.end(services.database, await presented(request, services.database))
    else:
        await commands.log_out(services.database, caller)
    return cleared(request, no_content())


@router.post("/logout-all", status_code=204, summary="Log out everywhere")
async def log_out_everywhere(request: Request, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Ends all your sessions, this one included: for a lost device, or a suspicion."""
    await commands.log_out_everywhere(services.database, caller)
    return cleared(request, no_content())


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
router.include_router(_by_cookie)


def own_tag(user: User) -> str:
    """The entity tag of an account at `/me`, where everybody finds another one: it says whose it is."""
    return entity_tag(user.version, f"{OWN}{user.id.hex}")
