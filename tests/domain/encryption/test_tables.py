"""No encrypted column is forgotten, whatever table it is in."""

import importlib
import pkgutil

from sqlalchemy import LargeBinary

import app.domain
from app.database.schema import Sealed, metadata
from app.domain.encryption.tables import ENCRYPTED

for module in pkgutil.walk_packages(app.domain.__path__, "app.domain."):
    if module.name.endswith("tables"):
        importlib.import_module(module.name)


def test_every_sealed_column_is_listed():
    sealed = {
        column for table in metadata.tables.values() for column in table.columns if isinstance(column.type, Sealed)
    }
    assert sealed == {encrypted.column for encrypted in ENCRYPTED}
    assert len(ENCRYPTED) == len(sealed)


# Of the audit log: digests in a chain, and what keeps erased values from being guessed by them.
DIGESTS = {"audit_log.salt", "audit_log.seal", "audit_log.hash", "audit_chains.hash"}


def test_other_bytes_are_digests_and_say_so():
    """Whoever adds a column of bytes decides: sealed, a hash, or a blind index."""
    others = [
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary) and not isinstance(column.type, Sealed)
    ]
    assert {name for name in others if not name.endswith(("_hash", "_index"))} == DIGESTS
