"""The SQL of lists that are walked newest first, in either direction, by a position: a moment and an id."""

from enum import Enum
from typing import Any

from sqlalchemy import Integer, Select, bindparam, tuple_

from app.database.schema import moment, uuid

LIMIT = bindparam("limit", type_=Integer)
_HERE = tuple_(bindparam("value", type_=moment), bindparam("id", type_=uuid))


class Walk(Enum):
    """Where a page begins and which way it goes: each is a statement of its own, so that each walks an index."""

    FIRST = "from the newest"
    ON = "what is older than a position"
    BACK = "what is newer than a position, the nearest first"


def walked(query: Select[Any], at: Any, row_id: Any, walk: Walk) -> Select[Any]:
    """The rows of `query` by the columns `at` and `row_id`, at most `limit`. Takes `value` and `id` of the position."""
    row = tuple_(at, row_id)
    if walk is Walk.BACK:
        return query.where(row > _HERE).order_by(at, row_id).limit(LIMIT)
    newest_first = query.order_by(at.desc(), row_id.desc()).limit(LIMIT)
    return newest_first if walk is Walk.FIRST else newest_first.where(row < _HERE)
