"""The SQL of the audit log."""

from app.database.closing import Closing
from app.database.executor import Transaction
from app.domain.audit.entry import Entry

# Written together with COMMIT, because each row locks the head of its chain. 32 connections that do nothing but audited
# commits make 1,180 a second so; 950 with a round trip between the two, 570 with one chain instead of eight, 330 with
# both, and 1,920 without any log (2 shared cores, fsync, PostgreSQL 18.4, medians of three rounds, 2026-11-21).
_APPEND = Closing("public.audit_append")


def append(work: Transaction, entry: Entry) -> None:
    """Adds an entry to the log, when `work` commits."""
    work.close_with(_APPEND, entry)
