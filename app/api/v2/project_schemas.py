"""The shapes of lists of projects in version 2. A project itself is the same in all versions."""

from typing import Annotated
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from app.api.fields import EXAMPLE_ID
from app.api.pages import PageInfo, PageQuery
from app.api.sparse import SparseQuery
from app.api.v1.project_schemas import Project, StatusName


class ProjectNarrowing(SparseQuery):
    """Which projects to list."""

    team_id: UUID | None = Field(None, description="Only projects of this team.", examples=[EXAMPLE_ID])


class ProjectTrashQuery(PageQuery, ProjectNarrowing):
    """How to page through the trash."""


class ProjectListQuery(PageQuery, ProjectNarrowing):
    """Every way to narrow and order the list of projects."""

    status: StatusName | None = Field(None, description="Only projects with this status.", examples=["active"])
    user_id: UUID | None = Field(None, description="Only projects that this person created.", examples=[EXAMPLE_ID])
    sort: Annotated[str, Field(pattern="^-?(created_at|position)$")] = Field(
        "-created_at", description="created_at or position; - for descending.", examples=["position"]
    )


class ProjectPage(TypedDict):
    """One page of projects."""

    items: Annotated[list[Project], Field(description="The projects, in the list's order.")]
    page: Annotated[PageInfo, Field(description="How to go on.")]
