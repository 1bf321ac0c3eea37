"""Version 1 says on every response that it is deprecated, until when it works and what comes after it; then it is gone.

Sources: RFC 9745 (Deprecation), RFC 8594 (Sunset), RFC 5829 (successor-version). A layer and not part of version 1's
routes, because its 404s, 405s and 500s must say so too.
"""

from collections.abc import Awaitable
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import problem
from app.middleware.outgoing import outgoing

_DEPRECATED = "/api/v1"
_SUCCESSOR = "/api/v2"
_DOCUMENT = "/openapi.json"
# What is not at the same place below the successor.
_MOVED = {"/users/me": "/me", "/todos/bulk-process": "/todos/batch"}
# What RFC 3986 allows in a path besides letters and digits. Quotes and angle brackets would end a Link's target early.
_PATH_CHARACTERS = "/-._~!$&'()*+,;=:@"


class Deprecation:
    """Adds `Deprecation`, `Sunset` and two `Link`s to what is below /api/v1; a route's own `Link` stays.

    From `sunset_at` on, the answer is 410 with the same headers. The document that describes version 1 stays readable.
    """

    def __init__(self, app: ASGIApp, *, deprecated_at: datetime, sunset_at: datetime, policy_url: str) -> None:
        """Both times are aware UTC; `policy_url` is the page that tells clients how to move."""
        self.app = app
        self._sunset_at = sunset_at
        self._headers = (
            (b"deprecation", f"@{int(deprecated_at.timestamp())}".encode()),
            (b"sunset", format_datetime(sunset_at, usegmt=True).encode()),
            (b"link", f'<{policy_url}>; rel="deprecation"; type="text/html"'.encode()),
        )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Passes the request on, with the notice for the answer if the path is of version 1."""
        if scope["type"] != "http" or not scope["path"].startswith(_DEPRECATED):
            return self.app(scope, receive, send)
        rest = scope["path"][len(_DEPRECATED) :]
        if rest and not rest.startswith("/"):
            return self.app(scope, receive, send)
        successor = _SUCCESSOR + quote(_MOVED.get(rest, rest), safe=_PATH_CHARACTERS, errors="replace")
        outgoing(scope).headers += (*self._headers, (b"link", f'<{successor}>; rel="successor-version"'.encode()))
        if datetime.now(UTC) >= self._sunset_at and rest != _DOCUMENT:
            gone = problem(scope, 410, "GONE", f"Version 1 has been switched off; call {successor}.")
            return gone(scope, receive, send)
        return self.app(scope, receive, send)
