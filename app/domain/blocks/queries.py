"""What administrators may know about blocks."""

from dataclasses import replace

from app.database.executor import Reader
from app.domain.blocks import repository
from app.domain.blocks.block import Block
from app.domain.blocks.repository import BlockFilter
from app.domain.errors import NotAllowed, NotFound
from app.domain.ids import BlockId
from app.domain.pages import Page, PageRequest, page_from
from app.domain.users.caller import Caller


async def page(
    reader: Reader, caller: Caller, request: PageRequest, *, filters: BlockFilter, with_total: bool = False
) -> Page[Block]:
    """The blocks that the filters let through, newest first. One SELECT, one more for the total. Raises NotAllowed."""
    require_administrator(caller)
    rows = await repository.page(reader, request, filters)
    found = page_from(rows, request, lambda block: (block.since, block.id))
    return replace(found, total=await repository.count(reader, filters)) if with_total else found


async def get(reader: Reader, caller: Caller, block_id: BlockId) -> Block:
    """One block. Raises NotFound, also for callers who are no administrators: they see none."""
    found = await repository.by_id(reader, block_id) if caller.is_administrator else None
    if found is None:
        raise NotFound("block", block_id)
    return found


async def in_force(reader: Reader, limit: int) -> list[Block]:
    """The newest blocks that hold, at most `limit`: for the command line of whoever runs the service."""
    return (await repository.page(reader, PageRequest(limit), BlockFilter(is_active=True)))[:limit]


def require_administrator(caller: Caller) -> None:
    """Raises NotAllowed unless the caller administers the whole service."""
    if not caller.is_administrator:
        raise NotAllowed("This is for administrators of the service.", code="ADMINISTRATORS_ONLY")
