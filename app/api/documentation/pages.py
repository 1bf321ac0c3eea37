"""HTML pages and the files that belong to them, with the policies that browsers apply. Knows no content."""

import hashlib
import html
import mimetypes
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from app.api.conditional import is_unchanged

ASSETS = Path(__file__).with_name("assets")

# Nothing from elsewhere, and nothing inside the page itself: no script, no style, no frame, no form.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Swagger UI is a script, fetches the document, and its style sheet holds pictures as data.
INTERACTIVE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FOR_FIVE_MINUTES = "public, max-age=300"

_LAYOUT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="/docs/assets/favicon.svg">
{head}<link rel="stylesheet" href="/docs/assets/documentation.css">
</head>
<body>
<header><nav>
<a href="/docs">Todo service</a>
<a href="/docs/v2">Version 2</a>
<a href="/docs/v1">Version 1</a>
<a href="/docs/migrate-v1-v2">From 1 to 2</a>
<a href="/problems">Problems</a>
</nav></header>
{main}
</body>
</html>
"""


class Page:
    """One page, made once: its text never changes while the process lives."""

    def __init__(self, title: str, main: str, *, head: str = "", policy: str = POLICY) -> None:
        """`main` and `head` are HTML, `title` is text."""
        self._body = _LAYOUT.format(title=html.escape(title), head=head, main=main).encode()
        self._headers = {
            "ETag": strong_tag(self._body),
            "Cache-Control": FOR_FIVE_MINUTES,
            "Vary": "Accept-Encoding",
            "Content-Security-Policy": policy,
        }

    def response(self, request: Request) -> Response:
        """The page, or 304 if the client has it."""
        if is_unchanged(request, self._headers["ETag"]):
            return Response(status_code=304, headers=self._headers)
        return Response(self._body, headers=self._headers, media_type="text/html")


def article(title: str, content: str) -> Page:
    """A page of text; `content` is HTML."""
    return Page(title, f'<main class="article">\n<h1>{html.escape(title)}</h1>\n{content}\n</main>')


def swagger_page(title: str, document_url: str) -> Page:
    """A page on which Swagger UI shows the document at `document_url`, and lets people try it."""
    head = (
        '<link rel="stylesheet" href="/docs/assets/swagger-ui.css">\n'
        '<script src="/docs/assets/swagger-ui-bundle.js" defer></script>\n'
        '<script src="/docs/assets/documentation.js" defer></script>\n'
    )
    main = f'<main id="swagger-ui" data-document="{html.escape(document_url)}"></main>'
    return Page(title, main, head=head, policy=INTERACTIVE_POLICY)


def with_code(text: str) -> str:
    """`text` as HTML, with what stands in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def strong_tag(content: bytes) -> str:
    """The strong entity tag of these bytes."""
    return f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'


class Assets:
    """The files of the pages, by name. Other files cannot be asked for."""

    def __init__(self) -> None:
        self._tags = {path.name: strong_tag(path.read_bytes()) for path in sorted(ASSETS.iterdir()) if path.is_file()}

    def response(self, request: Request, name: str) -> Response | None:
        """The file, or 304 if the client has it; None if there is no file of this name."""
        tag = self._tags.get(name)
        if tag is None:
            return None
        headers = {"ETag": tag, "Cache-Control": FOR_FIVE_MINUTES, "Vary": "Accept-Encoding"}
        if is_unchanged(request, tag):
            return Response(status_code=304, headers=headers)
        return FileResponse(ASSETS / name, headers=headers, media_type=mimetypes.guess_type(name)[0] or "text/plain")
