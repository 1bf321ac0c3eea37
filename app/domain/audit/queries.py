"""What people may know of the log about themselves. Reading all of it is a command, since it is told as well."""

from msgspec.structs import replace

from app.database.executor import Reader
from app.domain.audit import list_repository
from app.domain.audit.list_repository import Recorded
from app.domain.ids import UserId
from app.domain.pages import Page, PageRequest, page_from


async def activity(reader: Reader, person: UserId, request: PageRequest) -> Page[Recorded]:
    """What `person` did, and what was done to them, newest first. One statement.

    Where others were, who they are and what their requests were called is left out.
    """
    rows = await list_repository.activity(reader, person, request)
    shown = [row if row.actor_id == person else _of_somebody_else(row) for row in rows]
    return page_from(shown, request, lambda row: (row.at, row.id))


def _of_somebody_else(row: Recorded) -> Recorded:
    return replace(row, actor_id=None, token_id=None, address=None, request_id=None)
