"""Writing the audit log. Whoever changes something says so here, inside the unit of work that changes it."""

from types import MappingProxyType

from app.database.errors import DatabaseUnavailable
from app.database.executor import Database, Transaction
from app.domain.audit import list_repository, repository
from app.domain.audit.action import Action
from app.domain.audit.entry import Changes, Outcome, Subject, entry_of
from app.domain.audit.list_repository import AuditFilter, Recorded
from app.domain.ids import TeamId, UserId
from app.domain.pages import Page, PageRequest, page_from
from app.domain.unit_of_work import unit_of_work
from app.telemetry.logging import get_logger
from app.telemetry.request_origin import origin

log = get_logger(__name__)

NOTHING: Changes = MappingProxyType({})


def record(
    work: Transaction,
    action: Action,
    *,
    actor: UserId | None = None,
    subject: Subject | None = None,
    team_id: TeamId | None = None,
    changed: Changes = NOTHING,
) -> None:
    """Notes what this unit of work does; it is written by COMMIT, whole with the change or not at all.

    No statement and no round trip of its own: like a touch, it leaves in COMMIT's message, together with all that the
    same unit of work recorded. From where, with which request and when, the log knows by itself.
    """
    entry = entry_of(
        action,
        outcome=Outcome.DONE,
        actor=actor,
        subject=subject,
        team_id=team_id,
        changed=changed,
        origin=origin(),
    )
    repository.append(work, entry)


async def record_refusal(
    database: Database,
    action: Action,
    *,
    actor: UserId | None = None,
    subject: Subject | None = None,
    team_id: TeamId | None = None,
    changed: Changes = NOTHING,
) -> None:
    """Stores that somebody was refused, in a unit of work of its own, which the refusal that follows cannot undo.

    Never raises DatabaseUnavailable: whoever is refused stays refused, and the log of the service says what is missing.
    """
    entry = entry_of(
        action,
        outcome=Outcome.REFUSED,
        actor=actor,
        subject=subject,
        team_id=team_id,
        changed=changed,
        origin=origin(),
    )
    try:
        async with unit_of_work(database) as work:
            repository.append(work, entry)
    except DatabaseUnavailable as error:
        log.warning("a refusal is missing in the audit log", action=action.value, reason=error.code)


async def read(database: Database, reader_id: UserId, request: PageRequest, *, filters: AuditFilter) -> Page[Recorded]:
    """All entries that the filters let through, newest first; that they were read, and by whom, is an entry itself.

    Who may do so is decided by the permission of the route. One statement, inside a unit of work.
    """
    given = {name: value for name in filters.__struct_fields__ if (value := getattr(filters, name)) is not None}
    async with unit_of_work(database) as work:
        rows = await list_repository.page(work, request, filters)
        told: Changes = {name: (None, value) for name, value in given.items()}
        record(work, Action.AUDIT_READ, actor=reader_id, changed=told)
    return page_from(rows, request, lambda row: (row.at, row.id))


async def make_months(database: Database) -> int:
    """Makes room for this month and the next three; how many were missing.

    So no worker needs to run for three months before rows go where the next one has to fetch them from.
    """
    async with unit_of_work(database) as work:
        return await repository.make_months(work)


async def drop_old_months(database: Database) -> int:
    """Drops what is older than the log is kept, whole months at a time; how many.

    What remains can be verified as before: where each chain of a dropped month ended is kept, and told in an entry.
    """
    async with unit_of_work(database) as work:
        return len(await repository.drop_months(work))


async def forget(work: Transaction, person: UserId) -> int:
    """Takes addresses and values out of all entries by and about somebody whose account is gone; how many had any.

    What was done, to what and when stays, under an id that nobody has any more, and so does the chain.
    """
    return await repository.forget(work, person)
