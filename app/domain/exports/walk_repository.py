"""Walks through tables along keys, page by page, so that nothing is ever held whole."""

from typing import Any, NamedTuple

from sqlalchemy import Integer, Select, bindparam, tuple_
from sqlalchemy.sql import ColumnElement

from app.database.executor import Reader
from app.database.schema import uuid
from app.database.statements import Query
from app.domain.ids import UserId

USER_ID = bindparam("user_id", type_=uuid)
_LIMIT = bindparam("limit", type_=Integer)


class Row(NamedTuple):
    """One row: its members, and its place in the walk."""

    members: dict[str, Any]
    key: tuple[Any, ...]


class Walk:
    """The rows of `query`, which is about USER_ID, in the order of `keys`; together these are unique."""

    def __init__(self, name: str, query: Select[Any], *keys: ColumnElement[Any]) -> None:
        self.query = query
        self.keys = keys
        names = [str(column.key) for column in query.selected_columns]
        count = len(names)

        def row(*values: Any) -> Row:
            return Row(dict(zip(names, values[:count], strict=True)), values[count:])

        self._parameters = [f"key_{number}" for number in range(len(keys))]
        named = list(zip(self._parameters, keys, strict=True))
        beyond = tuple_(*keys) > tuple_(*(bindparam(parameter, type_=key.type) for parameter, key in named))
        # The keys once more: as members they may be missing, or turned into something else.
        ordered = query.add_columns(*(key.label(parameter) for parameter, key in named)).order_by(*keys).limit(_LIMIT)
        self._first = Query(f"exports.{name}", ordered, row)
        self._next = Query(f"exports.{name}", ordered.where(beyond), row)

    async def page(self, reader: Reader, user_id: UserId, after: Row | None, *, limit: int) -> list[Row]:
        """At most `limit` rows after this one; None: from the first one. One statement."""
        if after is None:
            return await reader.all(self._first, user_id=user_id, limit=limit)
        keys = dict(zip(self._parameters, after.key, strict=True))
        return await reader.all(self._next, user_id=user_id, limit=limit, **keys)
