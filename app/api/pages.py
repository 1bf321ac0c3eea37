"""Cursor pages on the wire: their query, their envelope and their Link header, the same for every list of version 2."""

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, NotRequired, TypeVar
from urllib.parse import unquote

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from app.api.cursors import CursorCodec
from app.api.fields import QueryParameters, described
from app.api.responses import listing
from app.domain.pages import DEFAULT_LIMIT, MAXIMUM_LIMIT, Page, PageRequest
from app.lifespan import services_of

T = TypeVar("T")

_UNSAFE_IN_LINKS = str.maketrans({character: f"%{ord(character):02X}" for character in '<>"{}|\\^` '})
_NOT_FILTERS = {"limit", "cursor", "fields", "expand"}


class PageQuery(QueryParameters):
    """Which page to show."""

    limit: Annotated[int, Field(ge=1, le=MAXIMUM_LIMIT)] = Field(
        DEFAULT_LIMIT, description="At most this many items; may change from page to page.", examples=[20]
    )
    cursor: Annotated[str, Field(min_length=1, max_length=1000, pattern="^[A-Za-z0-9_-]+$")] | None = Field(
        None, description="`next_cursor` or `prev_cursor` of an earlier page of the same list.", examples=[None]
    )


class PageInfo(TypedDict):
    """Where the page lies in its list."""

    limit: Annotated[int, described("The limit that was used.", 50)]
    next_cursor: Annotated[str | None, described("For the page after this one; null at the end.", None)]
    prev_cursor: Annotated[str | None, described("For the page before this one; null at the start.", None)]
    has_more: Annotated[bool, described("Whether there is a page after this one.", False)]
    total: NotRequired[Annotated[int, described("All items of the list; only with Prefer: return=total-count.", 1234)]]


def page_request(request: Request, query: PageQuery, scope: str, value_type: Any) -> PageRequest:
    """The page that `query` asks for; the sort values of the list's cursors are of `value_type`. Raises Malformed."""
    position = None if query.cursor is None else _cursors(request).read(query.cursor, scope, value_type)
    return PageRequest(limit=query.limit, position=position)


def cursor_scope(name: str, query: PageQuery) -> str:
    """What a cursor is bound to: the list's name and whatever filters and sorts it."""
    # By the list's name, since several lists take the same parameters.
    return query.made_once(
        f"scope of {name}", lambda: f"{name}?{query.model_dump_json(exclude=_NOT_FILTERS, exclude_defaults=True)}"
    )


def wants_total(prefer: str | None) -> bool:
    """True if `Prefer` asks for the total."""
    return prefer is not None and "return=total-count" in {part.strip().lower() for part in prefer.split(",")}


def page_response(
    request: Request,
    page: Page[T],
    render: Callable[[T], Any],
    *,
    limit: int,
    scope: str,
) -> Response:
    """The page as JSON with its Link header."""
    cursors = _cursors(request)
    info: PageInfo = {
        "limit": limit,
        "next_cursor": cursors.write(page.next, scope),
        "prev_cursor": cursors.write(page.previous, scope),
        "has_more": page.next is not None,
    }
    headers = {"Link": _link_header(request, info)}
    if page.total is not None:
        info["total"] = page.total
        headers["Preference-Applied"] = "return=total-count"
    return listing(request, {"items": [render(item) for item in page.items], "page": info}, headers=headers)


def _cursors(request: Request) -> CursorCodec:
    codec: CursorCodec = request.app.state.cursors
    return codec


def _link_header(request: Request, info: PageInfo) -> str:
    scope = request.scope
    address = services_of(scope).settings.http.base_url + scope["path"]
    first, others = _without_cursor(address, scope["query_string"])
    links = [f'<{first}>; rel="first"']
    if info["next_cursor"] is not None:
        links.append(f'<{others}{info["next_cursor"]}>; rel="next"')
    if info["prev_cursor"] is not None:
        links.append(f'<{others}{info["prev_cursor"]}>; rel="prev"')
    return ", ".join(links)


@lru_cache(maxsize=1024)
def _without_cursor(address: str, query_string: bytes) -> tuple[str, str]:
    """The address of the first page, and what a cursor makes the address of another one of.

    As the client wrote it, except for what would end a link early; the query was found to be ASCII.
    """
    parts = query_string.decode("ascii").translate(_UNSAFE_IN_LINKS).split("&")
    kept = [part for part in parts if part and unquote(part.partition("=")[0]) != "cursor"]
    query = "&".join(kept)
    return (f"{address}?{query}", f"{address}?{query}&cursor=") if kept else (address, f"{address}?cursor=")
