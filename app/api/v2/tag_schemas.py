"""The shapes of the list of tags in version 2. A tag itself is the same in all versions."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from app.api.fields import EXAMPLE_ID, CommaSeparated
from app.api.pages import PageInfo, PageQuery
from app.api.sparse import SparseQuery
from app.api.v1.tag_schemas import EXPAND, Tag


class TagListQuery(PageQuery, SparseQuery):
    """Every way to narrow and order the list of tags."""

    team_id: UUID | None = Field(None, description="Only tags of this team.", examples=[EXAMPLE_ID])
    sort: Annotated[str, Field(pattern="^-?name$")] = Field(
        "name", description="name, or -name for descending; case does not count.", examples=["-name"]
    )
    expand: Annotated[list[Literal["todo_count"]], CommaSeparated, Field(max_length=1)] = Field(
        [], description=EXPAND, examples=[["todo_count"]]
    )


class TagPage(TypedDict):
    """One page of tags."""

    items: Annotated[list[Tag], Field(description="The tags, in the list's order.")]
    page: Annotated[PageInfo, Field(description="How to go on.")]
