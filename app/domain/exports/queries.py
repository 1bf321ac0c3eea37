"""What people may know about their own exports."""

from dataclasses import replace

from app.database.executor import Reader
from app.domain.errors import NotFound
from app.domain.exports import repository
from app.domain.exports.export import Export
from app.domain.ids import ExportId
from app.domain.pages import Page, PageRequest, page_from
from app.domain.users.caller import Caller


async def one(reader: Reader, caller: Caller, export_id: ExportId) -> Export:
    """One of the caller's exports. Raises NotFound. One statement."""
    found = await repository.one(reader, caller.user_id, export_id)
    if found is None:
        raise NotFound("export", export_id)
    return found


async def page(reader: Reader, caller: Caller, request: PageRequest, *, with_total: bool = False) -> Page[Export]:
    """The caller's exports of the last 30 days, newest first. One statement, a second for the total."""
    rows = await repository.page(reader, caller.user_id, request)
    found = page_from(rows, request, lambda export: (export.created_at, export.id))
    return replace(found, total=await repository.count(reader, caller.user_id)) if with_total else found
