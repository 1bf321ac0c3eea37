"""Cookie mode: browsers keep the refresh token where no script can read it, and the page gets all the rest.

`__Host-` is a promise that browsers hold: such a cookie was set over TLS, by this host and for this host alone, so that
no neighbouring subdomain can plant one. Source: RFC 6265bis §4.1.3.
"""

import re
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from app.api.csrf import CsrfGuard
from app.api.responses import document
from app.api.routing import ApiRoute
from app.api.v1.auth_documents import cookie_tokens_document, tokens_document
from app.database.executor import Database
from app.domain.errors import Malformed, NotAuthenticated
from app.domain.identity import rotation
from app.domain.identity.session import Tokens

REFRESH = "__Host-todo_refresh"
CSRF = "__Host-todo_csrf"
Delivery = Literal["body", "cookie"]

# What this service has made. Nothing else is looked up.
_VALUE = re.compile(r"[A-Za-z0-9_-]{1,256}")
_ATTRIBUTES = "Path=/; Secure; SameSite=Strict"


class TokenOrCookieRoute(ApiRoute):
    """A route that takes the refresh cookie where there is no access token; its handler checks it with `presented`.

    Declare with `@needs` what it asks of an access token.
    """

    def proves_itself(self, request: Request) -> bool:
        """True if there is the cookie and no Authorization header, whatever either holds."""
        return b"authorization" not in request.scope["headers_by_name"] and is_given(request)


def deliver(request: Request, tokens: Tokens, delivery: Delivery) -> Response:
    """The answer to whoever has logged in or refreshed: all in the body, or the refresh token in its cookie."""
    if delivery == "body":
        return document(tokens_document(tokens))
    guard = _guard(request)
    csrf_token = guard.token(tokens.session_id)
    response = document(cookie_tokens_document(tokens, csrf_token))
    lifetime = f"Max-Age={tokens.refresh_expires_in}"
    response.headers.append("Set-Cookie", f"{REFRESH}={tokens.refresh_token}; {lifetime}; {_ATTRIBUTES}; HttpOnly")
    response.headers.append("Set-Cookie", f"{CSRF}={csrf_token}; {lifetime}; {_ATTRIBUTES}")
    return response


def require_page(request: Request, delivery: Delivery) -> None:
    """Raises the 403 problem if cookies are wanted from elsewhere: that page would log its visitors in as others."""
    if delivery == "cookie":
        _guard(request).require_origin(request)


def is_given(request: Request) -> bool:
    """True if the request carries a refresh cookie."""
    return any(name == REFRESH for name, _ in _cookies(request))


async def presented(request: Request, database: Database) -> str:
    """The refresh token in the cookie, which the user's own page has sent.

    Raises HttpProblem (403: ORIGIN_REFUSED, CSRF_TOKEN_INVALID), NotAuthenticated (INVALID_REFRESH_TOKEN), Malformed.
    One statement.
    """
    guard = _guard(request)
    guard.require_origin(request)
    refresh_token = _only(request, REFRESH)
    owner = None if refresh_token is None else await rotation.owner_of(database.reader, refresh_token)
    if refresh_token is None or owner is None:
        raise NotAuthenticated("The refresh token is not valid; log in again.", code="INVALID_REFRESH_TOKEN")
    guard.require_token(request, owner.session_id, beside=_only(request, CSRF))
    return refresh_token


def cleared(request: Request, response: Response) -> Response:
    """`response`, which takes the cookies of this request away, if it had any."""
    if is_given(request):
        for name in (REFRESH, CSRF):
            response.headers.append("Set-Cookie", f"{name}=; Max-Age=0; {_ATTRIBUTES}")
    return response


def _only(request: Request, name: str) -> str | None:
    """The value of a cookie that is there once; None for what this service never made. Raises Malformed for two."""
    values = [value for each, value in _cookies(request) if each == name]
    if len(values) > 1:
        raise Malformed(f"The cookie {name} is given more than once.", code="REPEATED_COOKIE")
    return values[0] if values and _VALUE.fullmatch(values[0]) else None


def _cookies(request: Request) -> list[tuple[str, str]]:
    """Names and values as they were sent. The framework's parser keeps one of each name, trimmed and unquoted."""
    pairs = (pair.strip(" ") for line in request.headers.getlist("cookie") for pair in line.split(";"))
    return [(name, value) for name, separator, value in (pair.partition("=") for pair in pairs) if separator]


def _guard(request: Request) -> CsrfGuard:
    guard: CsrfGuard = request.app.state.csrf
    return guard
