"""Numbered pages on the wire: their query, their envelope and their links, the same for every list of version 1.

A page costs what all pages before it cost, and its total is counted anew each time. So the numbers end somewhere;
the cursors of version 2 cost the same everywhere and go to the end of any list.
"""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from app.api.fields import QueryParameters, described
from app.api.responses import listing
from app.domain.pages import MAXIMUM_LIMIT, NumberedPage

T = TypeVar("T")

DEFAULT_SIZE = 20
# Page 500 of 100, of 60,000 todos in 20 teams: up to 0.2 s, the total some 0.05 s of it (2026-11-21, 2 busy cores).
MAXIMUM_NUMBER = 500


def _within_reach(number: int) -> int:
    if number > MAXIMUM_NUMBER:
        raise PydanticCustomError(
            "page_too_deep",
            "Page numbers end at {maximum}; the cursors of version 2 go on from there (Link: rel=successor-version).",
            {"maximum": MAXIMUM_NUMBER},
        )
    return number


class NumberedPageQuery(QueryParameters):
    """Which page to show."""

    page: Annotated[int, AfterValidator(_within_reach)] = Field(
        1,
        ge=1,
        json_schema_extra={"maximum": MAXIMUM_NUMBER},
        description=f"Its number, from 1 to {MAXIMUM_NUMBER}. Version 2's cursors reach what lies beyond.",
        examples=[1],
    )
    page_size: int = Field(
        DEFAULT_SIZE, ge=1, le=MAXIMUM_LIMIT, description="Items on each page; the last may have fewer.", examples=[20]
    )


class PageLinks(TypedDict):
    """Other pages of the same list, with the same filters."""

    self: Annotated[str, described("This page.", "/api/v1/todos?page=2&page_size=20")]
    first: Annotated[str, described("The first page.", "/api/v1/todos?page=1&page_size=20")]
    previous: Annotated[
        str | None, described("The page before; null on the first.", "/api/v1/todos?page=1&page_size=20")
    ]
    next: Annotated[str | None, described("The page after; null on the last.", "/api/v1/todos?page=3&page_size=20")]
    last: Annotated[str, described("The last page.", "/api/v1/todos?page=5&page_size=20")]


class NumberedPageInfo(TypedDict):
    """Where the page lies in its list. The shape of each list's page builds on it."""

    total: Annotated[int, described("All items of the list.", 93)]
    page: Annotated[int, described("The number of this page, from 1.", 2)]
    page_size: Annotated[int, described("Items on each page.", 20)]
    total_pages: Annotated[int, described("How many pages there are; 0 for an empty list.", 5)]
    has_next: Annotated[bool, described("Whether there is a page after this one.", True)]
    has_previous: Annotated[bool, described("Whether there is a page before this one.", True)]
    links: Annotated[PageLinks, Field(description="Where the other pages are.")]


def numbered_page_response(request: Request, page: NumberedPage[T], render: Callable[[T], Any]) -> Response:
    """The page as JSON. A page past the end of the list is empty, and the page before it is then the last."""
    pages = -(-page.total // page.size)
    last = max(pages, 1)
    here = _Address(request, page.size)
    info: NumberedPageInfo = {
        "total": page.total,
        "page": page.number,
        "page_size": page.size,
        "total_pages": pages,
        "has_next": page.number < pages,
        "has_previous": page.number > 1,
        "links": {
            "self": here.of(page.number),
            "first": here.of(1),
            "previous": here.of(min(page.number - 1, last)) if page.number > 1 else None,
            "next": here.of(page.number + 1) if page.number < pages else None,
            "last": here.of(last),
        },
    }
    return listing(request, {"items": [render(item) for item in page.items], **info})


class _Address:
    """The list that a request asks for, at any page."""

    def __init__(self, request: Request, size: int) -> None:
        given = parse_qsl(request.scope["query_string"].decode("ascii"))
        self._filters = [pair for pair in given if pair[0] not in {"page", "page_size"}]
        self._path = request.scope["path"]
        self._size = size

    def of(self, number: int) -> str:
        return f"{self._path}?{urlencode([*self._filters, ('page', number), ('page_size', self._size)])}"
