"""From the Authorization header to a caller who may do this. Every route asks here first, unless it is public."""

from functools import partial

from starlette.requests import Request
from starlette.types import Scope

from app.api.charging import admitted
from app.api.needs import Need
from app.domain.errors import NotAuthenticated
from app.domain.identity.api_key_text import LENGTH
from app.domain.identity.known import Credential, Known
from app.lifespan import services_of
from app.rate_limits.budgets import Payer


async def authenticate(request: Request, need: Need) -> Known:
    """The caller of this request, left in its scope for the handler.

    Raises the 429 problem, NotAuthenticated, and as `admit`.

    One shared round trip to Redis or one shared statement, and none if the caller is known from this request already.
    """
    scope = request.scope
    known: Known | None = scope.get("known")
    if known is None:
        known = await credential_of(scope).known(partial(admitted, scope))
        await admitted(scope)
    admit(scope, known, need)
    return known


def payer_of(scope: Scope) -> Payer | None:
    """Who pays for the request: whom its token names, unconfirmed. None for no token, and for one of no use."""
    try:
        return credential_of(scope).payer
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


def credential_of(scope: Scope) -> Credential:
    """What the token of this request says, read once. Raises NotAuthenticated if there is none, and for no good one."""
    credential: Credential | None = scope.get("credential")
    if credential is None:
        token, services = _bearer_token(scope), services_of(scope)
        # No token of a session is as short as a key, and every key is of one length.
        gate = services.api_keys if len(token) == LENGTH else services.gate
        scope["credential"] = credential = gate.read(token)
    return credential


def _bearer_token(scope: Scope) -> str:
    headers: dict[bytes, bytes] = scope["headers_by_name"]
    header = headers.get(b"authorization", b"")
    # A proxy in front may have looked at the one of them that is not looked at here.
    if len(headers) != len(scope["headers"]) and sum(name == b"authorization" for name, _ in scope["headers"]) > 1:
        raise NotAuthenticated("Send the access token once: there is more than one Authorization header.")
    scheme, _, token = header.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated("Send an access token as: Authorization: Bearer <token>.")
    return token.strip()
