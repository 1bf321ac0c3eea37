"""The SQL of going through encrypted columns: in pages along the primary key, so that no statement is long."""

from functools import lru_cache
from typing import Any

from msgspec import Struct
from sqlalchemy import Integer, LargeBinary, bindparam, func, literal, select, tuple_, update

from app.database.executor import Reader, Transaction
from app.database.statements import Change, Query, scalar
from app.domain.encryption.tables import EncryptedColumn
from app.field_encryption import HEADER_MAXIMUM_BYTES


class Stored(Struct, frozen=True):
    """One value as it is stored: the primary key of its row, the sealed bytes and its blind index, if it has one."""

    key: tuple[Any, ...]
    sealed: bytes
    index: bytes | None


class _Statements:
    """The statements about one column."""

    def __init__(self, encrypted: EncryptedColumn) -> None:
        column, index = encrypted.column, encrypted.index
        primary = list(column.table.primary_key.columns)
        keys = [bindparam(f"key_{number}", type_=part.type) for number, part in enumerate(primary)]
        beyond = tuple_(*primary) > tuple_(*keys)
        shown_index = literal(None, LargeBinary) if index is None else index

        def page(name: str, sealed: Any) -> tuple[Query[Stored], Query[Stored]]:
            chosen = (
                select(*primary, sealed, shown_index)
                .where(column.is_not(None))
                .order_by(*primary)
                .limit(bindparam("limit", type_=Integer))
            )
            return Query(name, chosen, _stored), Query(name, chosen.where(beyond), _stored)

        self.values = page("encryption.values", column)
        self.headers = page("encryption.headers", func.substring(column, 1, HEADER_MAXIMUM_BYTES))
        changed = {column.name: bindparam("resealed", type_=LargeBinary)}
        if index is not None:
            changed[index.name] = bindparam("reindexed", type_=LargeBinary)
        self.replace: Change[Any] = Change(
            "encryption.replace",
            update(column.table)
            .where(*(part == key for part, key in zip(primary, keys, strict=True)))
            .where(column == bindparam("sealed", type_=LargeBinary))
            .values(changed)
            .returning(column),
            scalar,
        )


_statements = lru_cache(maxsize=None)(_Statements)


async def page_of_values(
    reader: Reader, encrypted: EncryptedColumn, after: tuple[Any, ...] | None, *, limit: int
) -> list[Stored]:
    """The values after this primary key (None: from the first row), in the order of keys; at most `limit`."""
    return await _page(reader, _statements(encrypted).values, after, limit)


async def page_of_headers(
    reader: Reader, encrypted: EncryptedColumn, after: tuple[Any, ...] | None, *, limit: int
) -> list[Stored]:
    """As `page_of_values`, with just enough of each value to read the id of its key."""
    return await _page(reader, _statements(encrypted).headers, after, limit)


async def replace(
    work: Transaction, encrypted: EncryptedColumn, stored: Stored, *, resealed: bytes, reindexed: bytes | None
) -> bool:
    """Puts other bytes in the place of the stored ones; False if the row has been changed or deleted since."""
    parameters = _keys(stored.key) | {"sealed": stored.sealed, "resealed": resealed, "reindexed": reindexed}
    return await work.first(_statements(encrypted).replace, **parameters) is not None


async def _page(
    reader: Reader, queries: tuple[Query[Stored], Query[Stored]], after: tuple[Any, ...] | None, limit: int
) -> list[Stored]:
    first, further = queries
    if after is None:
        return await reader.all(first, limit=limit)
    return await reader.all(further, limit=limit, **_keys(after))


def _keys(key: tuple[Any, ...]) -> dict[str, Any]:
    return {f"key_{number}": part for number, part in enumerate(key)}


def _stored(*row: Any) -> Stored:
    return Stored(tuple(row[:-2]), row[-2], row[-1])
