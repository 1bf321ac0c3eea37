"""What callers ask about tags. Nothing here writes; the caller's memberships bound every answer."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from app.database.executor import Reader
from app.domain.errors import NotFound
from app.domain.pages import NumberedPage, Page, PageRequest
from app.domain.tags import list_repository, repository
from app.domain.tags.tag import Tag, TagId, TagList
from app.domain.users.caller import Caller


async def page(
    reader: Reader, tag_list: TagList, request: PageRequest, *, with_counts: bool = False, with_total: bool = False
) -> Page[Tag]:
    """The tags of the list from the requested position, across all teams of the caller.

    One statement, one more for the counts of all tags on the page, one more for the total.
    """
    found = await list_repository.page(reader, tag_list, request)
    if with_counts:
        found = replace(found, items=await _counted(reader, found.items))
    return replace(found, total=await list_repository.count(reader, tag_list)) if with_total else found


async def numbered(reader: Reader, tag_list: TagList, number: int, size: int) -> NumberedPage[Tag]:
    """Page `number` (from 1) of the list with its total. Two statements; the cost grows with the page number."""
    return await list_repository.numbered(reader, tag_list, number, size)


async def get(reader: Reader, caller: Caller, tag_id: TagId, *, with_count: bool = False) -> Tag:
    """One tag. One statement, a second for its count. Raises NotFound."""
    tag = await repository.get(reader, caller.user_id, tag_id)
    if tag is None:
        raise NotFound("tag", tag_id)
    return (await _counted(reader, [tag]))[0] if with_count else tag


async def _counted(reader: Reader, tags: Sequence[Tag]) -> list[Tag]:
    if not tags:
        return []
    counts = await repository.count_todos(reader, tags)
    return [msgspec.structs.replace(tag, todo_count=counts.get((tag.team_id, tag.name), 0)) for tag in tags]
