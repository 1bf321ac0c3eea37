"""Pages of long lists: by keyset (a position in an order) or by number, the same for every list.

Knows how positions, directions and page ends relate; refuses to know how a position is written for clients.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from app.database.newest_first import Walk
from app.domain.errors import invalid_parameter

T = TypeVar("T")

MAXIMUM_LIMIT = 100
DEFAULT_LIMIT = 50


@dataclass(frozen=True)
class Sort:
    """An order that a list offers: by `field`, ties broken by id in the same direction."""

    field: str
    descending: bool = False

    def __str__(self) -> str:
        return f"-{self.field}" if self.descending else self.field


@dataclass(frozen=True)
class Position:
    """A place in a sorted list: just after (or before, when `backwards`) the row with these values."""

    value: Any
    id: Any
    backwards: bool = False


@dataclass(frozen=True)
class PageRequest:
    """At most `limit` rows (1-100) from `position`, or from the start."""

    limit: int
    position: Position | None = None

    @property
    def walk(self) -> Walk:
        """How lists that are newest first are walked for it."""
        if self.position is None:
            return Walk.FIRST
        return Walk.BACK if self.position.backwards else Walk.ON

    @property
    def place(self) -> dict[str, Any]:
        """The parameters of such a walk: one row more than the limit, and the position if there is one."""
        here = {} if self.position is None else {"value": self.position.value, "id": self.position.id}
        return {"limit": self.limit + 1, **here}


@dataclass(frozen=True)
class Page(Generic[T]):
    """Rows in the list's order, and the positions to go on from; None where the list ends.

    `total` counts all rows of the list, and only if it was asked for.
    """

    items: list[T]
    next: Position | None
    previous: Position | None
    total: int | None = None


@dataclass(frozen=True)
class NumberedPage(Generic[T]):
    """Page `number` (from 1) of `total` rows cut into pages of `size`."""

    items: list[T]
    number: int
    size: int
    total: int


def page_from(rows: list[T], request: PageRequest, key: Callable[[T], tuple[Any, Any]]) -> Page[T]:
    """The page made of `rows`, which were fetched with one row more than the limit, in walking order.

    `key(row)` gives the row's (sort value, id). A backward walk's rows are turned round.
    """
    more = len(rows) > request.limit
    items = rows[: request.limit]
    position = request.position
    backwards = position is not None and position.backwards
    if backwards:
        items.reverse()
    if not items:
        return Page(items=[], next=None, previous=None)
    has_next = backwards or more
    has_previous = more if backwards else position is not None
    return Page(
        items=items,
        next=_position(key(items[-1])) if has_next else None,
        previous=_position(key(items[0]), backwards=True) if has_previous else None,
    )


def _position(key: tuple[Any, Any], *, backwards: bool = False) -> Position:
    value, row_id = key
    return Position(value=value, id=row_id, backwards=backwards)


def parse_sort(text: str, *, allowed: tuple[str, ...]) -> Sort:
    """The Sort written as `field` or `-field`. Raises Invalid naming what is allowed."""
    field, descending = (text[1:], True) if text.startswith("-") else (text, False)
    if field not in allowed:
        raise invalid_parameter(
            "sort", "UNKNOWN_SORT", f"sort must be one of {', '.join(allowed)}, with - for descending."
        )
    return Sort(field=field, descending=descending)
