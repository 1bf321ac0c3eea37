"""Exports, and their archives in pieces. What is over is deleted: pieces when they expire, the rest a month later."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, SmallInteger, Table, func, text

from app.database.schema import Sealed, metadata, moment, uuid
from app.domain.users.tables import users

exports = Table(
    "exports",
    metadata,
    Column("id", uuid, primary_key=True),
    Column("user_id", uuid, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    Column("created_at", moment, nullable=False, server_default=func.now()),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    # While a worker builds it, this is when its lease ends: if the worker dies, another one begins anew then.
    Column("next_attempt_at", moment, nullable=False, server_default=func.now()),
    Column("finished_at", moment),  # ready, or given up
    Column("expires_at", moment),  # of what is ready: the archive is deleted then
    Column("size_bytes", BigInteger),  # of the archive
    CheckConstraint("num_nonnulls(expires_at, size_bytes) IN (0, 2)", name="ready"),
    CheckConstraint("expires_at IS NULL OR finished_at IS NOT NULL", name="ready_when_finished"),
)

_is_unfinished = text("finished_at IS NULL")
# One at a time for each person.
Index("uq_exports_user_id_unfinished", exports.c.user_id, unique=True, postgresql_where=_is_unfinished)
# The worker's next one.
Index("ix_exports_due", exports.c.next_attempt_at, exports.c.id, postgresql_where=_is_unfinished)
# A person's exports, newest first; how many there were in a day; deleting the user.
Index("ix_exports_user_id_created_at", exports.c.user_id, exports.c.created_at, exports.c.id)
# The worker's purges: of archives, and of exports that were finished long ago.
Index("ix_exports_expires_at", exports.c.expires_at, postgresql_where=text("expires_at IS NOT NULL"))
Index("ix_exports_finished_at", exports.c.finished_at, postgresql_where=text("finished_at IS NOT NULL"))

export_chunks = Table(
    "export_chunks",
    metadata,
    Column("export_id", uuid, ForeignKey(exports.c.id, ondelete="CASCADE"), primary_key=True),
    Column("number", BigInteger, primary_key=True),  # from 0, without gaps
    Column("sealed", Sealed, nullable=False),
)
