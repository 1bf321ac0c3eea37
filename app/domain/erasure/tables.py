"""Which accounts were erased, as the database remembers it; outside of it, app.erasure_ledger does."""

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, Table, func, text

from app.database.schema import metadata, moment, uuid

erasures = Table(
    "erasures",
    metadata,
    Column("subject_hash", LargeBinary, primary_key=True),  # SHA-256 of the user's id, as in the ledger
    # Whose erasure is under way: what is left to do is found by it, also when the account is gone already. No foreign
    # key therefore; null in the end, so that nothing here leads to anybody.
    Column("user_id", uuid),
    Column("began_at", moment, nullable=False, server_default=func.now()),
    Column("finished_at", moment),
    CheckConstraint("(user_id IS NULL) = (finished_at IS NOT NULL)", name="nobody_when_finished"),
)

# What a worker has to go on with.
Index("ix_erasures_unfinished", erasures.c.began_at, postgresql_where=text("finished_at IS NULL"))
