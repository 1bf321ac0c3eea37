"""Whether a request that a cookie vouches for was meant by its user. Two independent proofs are asked for.

The browser's: `Origin`, or else `Sec-Fetch-Site`, names a page that is served here or listed in CORS_ORIGINS. The
page's: `X-CSRF-Token`, and the cookie beside the refresh token, hold a value that is signed for this very session.
Source: OWASP CSRF Prevention Cheat Sheet, signed double-submit cookie.
"""

import base64
import hmac
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Header
from starlette.requests import Request

from app.api.problems import HttpProblem
from app.domain.ids import SessionId
from app.keys import keys_for
from app.settings import Settings

HEADER = "X-CSRF-Token"
_DEFAULT_PORTS = {"http": 80, "https": 443}

CsrfToken = Annotated[
    str | None,
    Header(
        alias=HEADER,
        description="In cookie mode: the `csrf_token` of the login, which the cookie `__Host-todo_csrf` holds as well.",
        examples=["kWv7yJ0Yt1nS8o3y2m0wq1o4Q1r5b8Jt3nX9d2c6e7A"],
    ),
]


class CsrfGuard:
    """Makes the tokens of sessions and refuses requests that lack one or come from elsewhere."""

    def __init__(self, settings: Settings) -> None:
        self._keys = keys_for(settings.security, "csrf-tokens")
        # The wildcard, which only development may use, lets anybody read what needs no cookie.
        self._origins = {origin_of(settings.http.base_url), *settings.http.cors_origins} - {"*"}
        self._is_enabled = settings.security.csrf_protection

    def token(self, session_id: SessionId) -> str:
        """What a page has to send with the cookies of this session. The same at each call, until the keys change."""
        return _signed(self._keys.current, session_id)

    def require_origin(self, request: Request) -> None:
        """Raises the 403 problem unless the browser says that the request comes from a page that may send it."""
        origins = request.headers.getlist("origin")
        sites = request.headers.getlist("sec-fetch-site")
        is_ours = len(origins) == 1 and origins[0] in self._origins if origins else sites == ["same-origin"]
        if self._is_enabled and not is_ours:
            raise HttpProblem(
                403, "ORIGIN_REFUSED", "Cookies are taken from pages of this service and of CORS_ORIGINS only."
            )

    def require_token(self, request: Request, session_id: SessionId, *, beside: str | None) -> None:
        """Raises the 403 problem unless the header and the cookie `beside` the refresh token are of this session."""
        given = request.headers.getlist(HEADER)
        is_proved = len(given) == 1 and self._is_of(session_id, given[0]) and self._is_of(session_id, beside or "")
        if self._is_enabled and not is_proved:
            raise HttpProblem(
                403, "CSRF_TOKEN_INVALID", f"Send the csrf_token of this session as {HEADER}; the login answered it."
            )

    def _is_of(self, session_id: SessionId, token: str) -> bool:
        return any(
            hmac.compare_digest(_signed(key, session_id).encode(), token.encode("utf-8", "replace"))
            for key in self._keys.accepted
        )


def origin_of(address: str) -> str:
    """The origin of an http(s) address, as browsers write it (RFC 6454 §6.2)."""
    parts = urlsplit(address)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _signed(key: bytes, session_id: SessionId) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, session_id.bytes, "sha256")).rstrip(b"=").decode()
