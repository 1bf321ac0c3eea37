"""SQL text made once from SQLAlchemy expressions, run many times by asyncpg.

Compiling costs more than running a small query, so each statement shape is compiled when it is defined
(or on its first use, for the shapes of a filtered list) and only its parameters change afterwards.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, final

from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.sql import ClauseElement

Row_co = TypeVar("Row_co", covariant=True)

_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # SQLAlchemy does not type its dialects' constructors


class Statement(Generic[Row_co]):
    """SQL with its parameter order and the value type that each row becomes.

    `make_row` receives the selected columns positionally. Values written into the expression are constants;
    `bindparam("name")` are parameters, given by name at each run.
    """

    __slots__ = ("_constants", "_order", "fingerprint", "make_row", "name", "sql")

    def __init__(self, name: str, expression: ClauseElement, make_row: Callable[..., Row_co]) -> None:
        compiled = expression.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        self.name = name
        self.sql = str(compiled)
        self.make_row = make_row
        self.fingerprint = hashlib.blake2b(self.sql.encode(), digest_size=6).hexdigest()
        self._order = tuple(getattr(compiled, "positiontup", None) or ())
        required = {key for key, bind in getattr(compiled, "binds", {}).items() if bind.required}
        self._constants = {key: value for key, value in compiled.params.items() if key not in required}

    @property
    def parameter_count(self) -> int:
        """How many `$n` the text has."""
        return len(self._order)

    def arguments(self, parameters: Mapping[str, Any]) -> list[Any]:
        """`parameters` in the order of `$1, $2, …`. Raises KeyError if one is missing."""
        constants = self._constants
        return [parameters[key] if key in parameters else constants[key] for key in self._order]


@final
class Query(Statement[Row_co]):
    """A statement that only reads."""

    __slots__ = ()


@final
class Change(Statement[Row_co]):
    """A statement that writes or locks; only a transaction runs it."""

    __slots__ = ()


def scalar(value: Any) -> Any:
    """Row maker for statements that select one column."""
    return value
