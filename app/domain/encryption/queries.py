"""Which keys the stored values still need."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.database.executor import Reader
from app.domain.encryption import repository
from app.domain.encryption.tables import ENCRYPTED, EncryptedColumn
from app.field_encryption import key_id_of

PAGE = 1000


@dataclass
class KeyUse:
    """How many values each key has sealed, and each index key has indexed, by key id. None: no key of ours did."""

    values: Counter[str | None] = field(default_factory=Counter)
    indexes: Counter[str | None] = field(default_factory=Counter)


async def key_use(reader: Reader, columns: Sequence[EncryptedColumn] = ENCRYPTED) -> KeyUse:
    """Counts the values by their keys. Reads the beginning of every value, 1000 at a time."""
    found = KeyUse()
    for encrypted in columns:
        after: tuple[Any, ...] | None = None
        while True:
            stored = await repository.page_of_headers(reader, encrypted, after, limit=PAGE)
            found.values.update(key_id_of(value.sealed) for value in stored)
            found.indexes.update(key_id_of(value.index) for value in stored if value.index is not None)
            if len(stored) < PAGE:
                break
            after = stored[-1].key
    return found
