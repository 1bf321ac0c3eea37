"""The shapes of tags, the same in all versions: what clients send, and what they get. Pages differ."""

import datetime as dt
from typing import Annotated, Literal, NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from app.api.fields import (
    EXAMPLE_ID,
    EXAMPLE_MOMENT,
    CommaSeparated,
    RequestBody,
    TagName,
    described,
)
from app.api.numbered_pages import NumberedPageInfo, NumberedPageQuery
from app.api.sparse import SparseQuery
from app.api.v1.project_schemas import Color
from app.domain.projects.project import DEFAULT_COLOR

_name = described("1 to 50 characters after trimming, no comma; unique in its team, whatever its case.", "home")
_color = described("Its colour as # and six hexadecimal digits.", "#1e90ff")
EXPAND = "todo_count adds to each tag how many todos outside the trash carry it."


class TagCreate(RequestBody):
    """A new tag. Without a team it goes to your personal one."""

    name: TagName = _name
    color: Color = Field(DEFAULT_COLOR, description=_color.description, examples=["#1e90ff"])
    team_id: UUID | None = Field(None, description="The team that owns it; it never changes.", examples=[EXAMPLE_ID])


class TagPatch(RequestBody):
    """A merge patch: what is left out stays."""

    name: TagName = Field("", validate_default=False, description="A new name.", examples=["household"])
    color: Color = Field(DEFAULT_COLOR, description=_color.description, examples=["#ff8c00"])


class TagMerge(RequestBody):
    """Which tag takes over."""

    into: UUID = described("Another tag of the same team, which stays.", EXAMPLE_ID)


class TagQuery(SparseQuery):
    """How to show one tag."""

    expand: Annotated[list[Literal["todo_count"]], CommaSeparated, Field(max_length=1)] = Field(
        [], description=EXPAND, examples=[["todo_count"]]
    )


class TagLinks(TypedDict):
    """Where to go from here; an action is listed while it is allowed."""

    self: Annotated[str, described("This tag.", f"/api/v2/tags/{EXAMPLE_ID}")]
    team: Annotated[str, described("Its team.", f"/api/v2/teams/{EXAMPLE_ID}")]
    todos: Annotated[str, described("What carries it.", f"/api/v2/todos?team_id={EXAMPLE_ID}&tag=home")]
    merge: NotRequired[
        Annotated[str, described("POST here to merge it into another.", f"/api/v2/tags/{EXAMPLE_ID}/merge")]
    ]


class Tag(TypedDict):
    """A tag of a team."""

    id: Annotated[UUID, described("Never changes.", EXAMPLE_ID)]
    team_id: Annotated[UUID, described("The team that owns it.", EXAMPLE_ID)]
    name: Annotated[str, _name]
    color: Annotated[str, _color]
    version: Annotated[int, described("Rises by one with each change.", 1)]
    created_at: Annotated[dt.datetime, described("When it was created.", EXAMPLE_MOMENT)]
    updated_at: Annotated[dt.datetime, described("When it last changed.", EXAMPLE_MOMENT)]
    links: Annotated[
        TagLinks, described("Related resources and the actions allowed now.", {"self": f"/api/v2/tags/{EXAMPLE_ID}"})
    ]
    todo_count: NotRequired[Annotated[int, described("Todos outside the trash that carry it; only if asked for.", 7)]]


class TagListQuery(NumberedPageQuery):
    """Which tags to list in version 1."""

    team_id: UUID | None = Field(None, description="Only tags of this team.", examples=[EXAMPLE_ID])


class TagPage(NumberedPageInfo):
    """One page of tags in version 1."""

    items: Annotated[list[Tag], Field(description="The tags, by name.")]
