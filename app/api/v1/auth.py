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
from app.api.responses import document, no_content
from app.api.routing import ApiRoute, PublicRoute
from app.api.v1 import auth_schemas as wire
from app.api.v1.auth_documents import CODE_SENT, challenge_document
from app.domain.errors import Malformed, invalid
from app.domain.identity import commands, rotation, second_step
from app.domain.identity.permissions import Permission
from app.domain.identity.session import Client, Tokens, client_from
from app.domain.second_factors.factor import Method
from app.domain.users.user import User
from app.rate_limits.declarations import limiter

OWN = "self"  # What takes the place of a role in the entity tags of accounts: everybody owns their own.

_public = APIRouter(route_class=PublicRoute)
_by_cookie = APIRouter(route_class=TokenOrCookieRoute)
router = APIRouter(prefix="/auth", tags=["auth"], route_class=ApiRoute)


@_public.post(
    "/login",
    response_model=wire.Tokens | wire.CookieTokens | wire.MfaChallenge,
    response_description="The tokens of the session, or a challenge.",
    responses={401: {}, 403: {}},
    summary="Log in",
)
@limiter.limit("30/minute")
async def log_in(request: Request, body: wire.Login, services: ServicesHere) -> Response:
    """Opens a session and answers with its tokens, or asks for a second factor if there is one.

    The access token goes into `Authorization: Bearer …` and is short-lived; exchange the refresh token for a new pair
    before it expires. The session ends on logout, when it is not refreshed for too long, and at its absolute expiry.
    An unknown address, a wrong password and a deactivated account get the same 401 (`INVALID_CREDENTIALS`). After
    five of them within five minutes, this account waits for your address (429, `LOGIN_THROTTLED`). The right password
    of an account that is about to be deleted is a 401 as well (`DELETION_SCHEDULED`): a mail says how to call it off.

    With a second factor the answer is `{"mfa_required": true, "challenge": …, "methods": […]}`: send the challenge and
    a code of one of the methods to `/auth/mfa/verify` within five minutes, from the same program.

    Pages in a browser ask for `token_delivery: cookie`: the refresh token is then only in the cookie
    `__Host-todo_refresh`, and a `csrf_token` takes its place in the answer. It is also in the cookie
    `__Host-todo_csrf`, which the page can read after it was loaded anew. Pages of other origins than those that the
    service is configured for get a 403.
    """
    require_page(request, body.token_delivery)
    async with counted_login(request, body.email):
        opened = await commands.log_in(
            services.database, services.authority, email=body.email, password=body.password, client=_client(request)
        )
    if isinstance(opened, Tokens):
        return deliver(request, opened, body.token_delivery)
    return document(challenge_document(opened))


@_public.post(
    "/mfa/verify",
    response_model=wire.Tokens | wire.CookieTokens,
    response_description="The tokens of the session.",
    responses={401: {}, 403: {}, 429: {}},
    summary="Log in: prove a second factor",
)
@limiter.limit("30/minute")
async def verify_mfa(request: Request, body: wire.MfaProof, services: ServicesHere) -> Response:
    """Opens the session of a login that asked for a second factor, and answers with its tokens.

    A code is good once, a wrong one is a 401 (`WRONG_CODE`). After five attempts the challenge is, too
    (`INVALID_CHALLENGE`); after five wrong codes of one method within fifteen minutes the answer is 429 until these are
    over. A recovery code is good in the place of any other. `token_delivery` is as for the first step.
    """
    require_page(request, body.token_delivery)
    tokens = await second_step.finish_login(
        services.database,
        services.authority,
        services.factor_keys,
        challenge=body.challenge,
        method=Method(body.method),
        code=body.code,
        client=_client(request),
    )
    return deliver(request, tokens, body.token_delivery)


@_public.post(
    "/mfa/send",
    status_code=202,
    response_model=wire.CodeSent,
    responses={401: {}, 429: {}},
    summary="Log in: send a code",
)
@limiter.limit("20/minute")
async def send_mfa_code(request: Request, body: wire.MfaSending, services: ServicesHere) -> Response:
    """Sends a code by SMS or mail; the one before is worth nothing from then on.

    The answer says nothing about whether it arrives. Two codes are at least half a minute apart, and ten a day are sent
    at most: else the answer is 429.
    """
    await second_step.send_login_code(
        services.database,
        services.factor_keys,
        challenge=body.challenge,
        method=Method(body.method),
        client=_client(request),
    )
    return document(CODE_SENT, status=202)


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
    """Replaces your password, ends all your sessions but this one, and tells you by mail.

    A wrong `current_password` is a 401 (`WRONG_PASSWORD`) and leaves everything as it is; after five within fifteen
    minutes the answer is 429 until these are over. With a second factor the session has to be fresh (401,
    `STEP_UP_REQUIRED`), and 8 characters are enough.
    """
    await commands.change_password(
        services.database,
        services.authority,
        services.cipher,
        caller,
        current_password=body.current_password,
        new_password=body.new_password,
    )
    return no_content()


router.include_router(_public)
router.include_router(_by_cookie)


def _client(request: Request) -> Client:
    return client_from(request.headers.get("user-agent", ""), request.scope["state"]["client_address"])


def own_tag(user: User) -> str:
    """The entity tag of an account at `/me`, where everybody finds another one: it says whose it is."""
    return entity_tag(user.version, f"{OWN}{user.id.hex}")
