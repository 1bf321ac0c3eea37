"""Every encrypted column of every table, listed once. A test compares the list with the tables themselves."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column

from app.domain.exports.tables import export_chunks
from app.domain.messages.tables import messages
from app.domain.second_factors.tables import second_factors


@dataclass(frozen=True)
class EncryptedColumn:
    """A column that FieldCipher sealed, each value for the Place of table, column and primary key.

    `index`, if there is one, is the column with the blind index of the same text, made for the purpose
    `table.column` of the encrypted column.
    """

    column: Column[Any]
    index: Column[Any] | None = None

    @property
    def table(self) -> str:
        """The name of its table."""
        return self.column.table.name

    @property
    def name(self) -> str:
        """`table.column`: how people call it, and the purpose of its index."""
        return f"{self.table}.{self.column.name}"


ENCRYPTED = (
    EncryptedColumn(messages.c.recipient),
    EncryptedColumn(messages.c.subject),
    EncryptedColumn(messages.c.content),
    EncryptedColumn(second_factors.c.sealed),
    EncryptedColumn(export_chunks.c.sealed),
)
