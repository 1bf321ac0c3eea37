"""Logins are counted before the password is looked at, and refused where there were too many wrong ones."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from app.api.problems import HttpProblem
from app.domain.errors import NotAuthenticated
from app.lifespan import services_of


@asynccontextmanager
async def counted_login(request: Request, email: str) -> AsyncIterator[None]:
    """Around whatever proves that somebody owns the account of this address, as they typed it.

    Raises HttpProblem (429, LOGIN_THROTTLED) after five wrong tries of this client on this account, right or wrong: so
    many guesses, whether there is such an account or not. NotAuthenticated is a wrong try, anything else is none.
    """
    guard = services_of(request.scope).guard
    if guard is None:
        yield
        return
    one, verdict = await guard.begin_login(email, request.scope["state"]["client_key"])
    if verdict.wait_seconds:
        detail = "Too many logins to this account from your address were wrong; wait before you try again."
        raise HttpProblem(429, "LOGIN_THROTTLED", detail, headers={"Retry-After": str(verdict.wait_seconds)})
    try:
        yield
    except NotAuthenticated:
        raise
    except BaseException:
        guard.end_login(one, is_proven=False)
        raise
    guard.end_login(one, is_proven=True)
