"""From the Authorization header to a caller who may do this. Every route asks here first, unless it is public."""

from functools import partial

from starlette.requests import Request
from starlette.types import Scope

from app.api.charging import admitted
from app.api.needs import Need
from app.domain.errors import NotAuthenticated
from app.domain.identity.api_key_gate import ApiKeyGate
from app.domain.identity.api_key_text import LENGTH
from app.domain.identity.gate import SessionGate
from app.domain.identity.known import Known
from app.lifespan import Services, services_of
from app.rate_limits.budgets import Payer


async def authenticate(request: Request, need: Need) -> Known:
    """The caller of this request, left in its scope for the handler.

    Raises the 429 problem, NotAuthenticated, and as `admit`.

    One shared round trip to Redis or one shared statement, and none if the caller is known from this request already.
    """
    scope = request.scope
    known: Known | None = scope.get("known")
    if known is None:
        token = bearer_token(scope)
        known = await gate_of(services_of(scope), token).known(token, before_load=partial(admitted, scope))
        await admitted(scope)
    admit(scope, known, need)
    return known


def payer_of(scope: Scope) -> Payer | None:
    """Who pays for the request: whom its token names, unconfirmed. None for no token, and for one of no use."""
    try:
        token = bearer_token(scope)
        return gate_of(services_of(scope), token).payer(token)
    except NotAuthenticated:
        return None


def admit(scope: Scope, known: Known, need: Need) -> None:
    """Leaves a confirmed caller in the scope, for the handler and for the log line, if they may do what is needed.

    Every way of answering a route that is not public leads through here. Raises ScopeMissing and NotAllowed.
    """
    scope["known"] = known
    scope["caller"] = caller = known.caller
    scope["caller_id"] = known.caller_id
    # Nearly always a session on a route for everybody.
    if need.checks_roles or caller.scopes is not None:
        if caller.token_id is not None:
            state = scope["state"]
            state["token_id"] = caller.token_id
            services_of(scope).api_key_uses.note(caller.token_id, state["client_address"])
        need.require(caller)


def gate_of(services: Services, token: str) -> SessionGate | ApiKeyGate:
    """Who knows tokens of this kind. No token of a session is as short as a key, and every key is of one length."""
    return services.api_keys if len(token) == LENGTH else services.gate


def bearer_token(scope: Scope) -> str:
    """The token of this request. Raises NotAuthenticated if there is none."""
    headers: dict[bytes, bytes] = scope["headers_by_name"]
    header = headers.get(b"authorization", b"")
    # A proxy in front may have looked at the one of them that is not looked at here.
    if len(headers) != len(scope["headers"]) and sum(name == b"authorization" for name, _ in scope["headers"]) > 1:
        raise NotAuthenticated("Send the access token once: there is more than one Authorization header.")
    scheme, _, token = header.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated("Send an access token as: Authorization: Bearer <token>.")
    return token.strip()
