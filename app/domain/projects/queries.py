"""What callers ask about projects. Nothing here writes; the caller's memberships bound every answer."""

from dataclasses import replace

from app.database.executor import Reader
from app.domain.errors import NotFound
from app.domain.ids import ProjectId
from app.domain.pages import NumberedPage, Page, PageRequest
from app.domain.projects import list_repository, repository
from app.domain.projects.filter import ProjectList
from app.domain.projects.project import Project
from app.domain.users.caller import Caller


async def page(
    reader: Reader, projects_list: ProjectList, request: PageRequest, *, with_total: bool = False
) -> Page[Project]:
    """The projects of the list from the requested position, across all teams of the caller.

    One statement, a second for the total.
    """
    found = await list_repository.page(reader, projects_list, request)
    return replace(found, total=await list_repository.count(reader, projects_list)) if with_total else found


async def numbered(reader: Reader, projects_list: ProjectList, number: int, size: int) -> NumberedPage[Project]:
    """Page `number` (from 1) of the list with its total. Two statements; the cost grows with the page number."""
    return await list_repository.numbered(reader, projects_list, number, size)


async def get(reader: Reader, caller: Caller, project_id: ProjectId) -> Project:
    """One project outside the trash. Raises NotFound."""
    project = await repository.get(reader, caller.user_id, project_id)
    if project is None:
        raise NotFound("project", project_id)
    return project
