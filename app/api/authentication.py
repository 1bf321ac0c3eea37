"""From the Authorization header to the caller. Every route asks here first, unless it is public."""

from starlette.requests import Request

from app.domain.errors import NotAuthenticated
from app.domain.users.caller import Caller
from app.lifespan import services_of


async def authenticate(request: Request) -> Caller:
    """The caller of this request, kept for the handler. Raises NotAuthenticated. One shared statement at most."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated("Send an access token as: Authorization: Bearer <token>.")
    caller = await services_of(request.scope).gate.caller(token.strip())
    request.scope["caller"] = caller
    request.scope["caller_id"] = str(caller.user_id)
    return caller
