"""From the Authorization header to the caller. Every route asks here first, unless it is public."""

from starlette.requests import Request
from starlette.types import Scope

from app.domain.errors import NotAuthenticated
from app.domain.identity.known import Known
from app.lifespan import services_of


async def authenticate(request: Request) -> Known:
    """The caller of this request, left in its scope for the handler. Raises NotAuthenticated.

    One shared round trip to Redis or one shared statement, and none if the caller is known from this request already.
    """
    known: Known | None = request.scope.get("known")
    if known is None:
        known = await services_of(request.scope).gate.known(bearer_token(request.scope))
        admit(request.scope, known)
    return known


def admit(scope: Scope, known: Known) -> None:
    """Leaves a confirmed caller in the scope: for the handler and for the log line."""
    scope["known"] = known
    scope["caller"] = known.caller
    scope["caller_id"] = known.caller_id


def bearer_token(scope: Scope) -> str:
    """The access token of this request. Raises NotAuthenticated if there is none."""
    headers: dict[bytes, bytes] = scope["headers_by_name"]
    header = headers.get(b"authorization", b"")
    # A proxy in front may have looked at the one of them that is not looked at here.
    if len(headers) != len(scope["headers"]) and sum(name == b"authorization" for name, _ in scope["headers"]) > 1:
        raise NotAuthenticated("Send the access token once: there is more than one Authorization header.")
    scheme, _, token = header.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated("Send an access token as: Authorization: Bearer <token>.")
    return token.strip()
