"""The shapes of projects, the same in all versions: what clients send, and what they get. Pages differ."""

import datetime as dt
from typing import Annotated, Literal, NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from app.api.fields import (
    EXAMPLE_ID,
    EXAMPLE_MOMENT,
    Description,
    FreeText,
    RequestBody,
    described,
)
from app.api.numbered_pages import NumberedPageInfo, NumberedPageQuery
from app.domain.projects.project import COLOR, DEFAULT_COLOR, NAME_MAXIMUM

StatusName = Literal["active", "archived"]
ProjectName = Annotated[str, FreeText(1, NAME_MAXIMUM)]
Color = Annotated[str, Field(pattern=COLOR)]
Position = Annotated[float, Field(allow_inf_nan=False, ge=-1e15, le=1e15)]

_name = described("What the project is called, 1 to 200 characters after trimming.", "Move to Berlin")
_description = described("More about it; empty if there is nothing to say.", "Flat, school, registration")
_color = described("Its colour as # and six hexadecimal digits.", "#1e90ff")
_status = described("active while it is worked on, archived when it is kept for reference.", "active")
_position = described("Ascending order within the team; take a number between two others to go between them.", 1024.5)


class ProjectCreate(RequestBody):
    """A new project. Without a team it goes to your personal one."""

    name: ProjectName = _name
    description: Description = Field("", description=_description.description, examples=["Flat, school"])
    color: Color = Field(DEFAULT_COLOR, description=_color.description, examples=["#1e90ff"])
    status: StatusName = Field("active", description=_status.description, examples=["active"])
    position: Position | None = Field(None, description=_position.description, examples=[1024.5])
    team_id: UUID | None = Field(None, description="The team that owns it; it never changes.", examples=[EXAMPLE_ID])


class ProjectReplace(RequestBody):
    """All changeable fields of a project: one that is left out gets its default."""

    name: ProjectName = _name
    description: Description = Field("", description=_description.description, examples=["Flat, school"])
    color: Color = Field(DEFAULT_COLOR, description=_color.description, examples=["#1e90ff"])
    status: StatusName = Field("active", description=_status.description, examples=["active"])
    position: Position | None = Field(None, description="As in the resource; left out, it stays.", examples=[1024.5])


class ProjectPatch(RequestBody):
    """A merge patch: what is left out stays."""

    name: ProjectName = Field("", validate_default=False, description="A new name.", examples=["Move to Bonn"])
    description: Description = Field("", description="A new description.", examples=["Flat, school"])
    color: Color = Field(DEFAULT_COLOR, description=_color.description, examples=["#ff8c00"])
    status: StatusName = Field("active", description=_status.description, examples=["archived"])
    position: Position = Field(0, description=_position.description, examples=[2048.0])


class ProjectLinks(TypedDict):
    """Where to go from here; an action is listed while it is allowed."""

    self: Annotated[str, described("This project.", f"/api/v2/projects/{EXAMPLE_ID}")]
    team: Annotated[str, described("Its team.", f"/api/v2/teams/{EXAMPLE_ID}")]
    todos: Annotated[str, described("Its todos.", f"/api/v2/todos?project_id={EXAMPLE_ID}")]
    archive: NotRequired[
        Annotated[str, described("POST here to put it aside.", f"/api/v2/projects/{EXAMPLE_ID}/archive")]
    ]
    unarchive: NotRequired[
        Annotated[str, described("POST here to take it up again.", f"/api/v2/projects/{EXAMPLE_ID}/unarchive")]
    ]
    restore: NotRequired[
        Annotated[str, described("POST here to get it back.", f"/api/v2/projects/{EXAMPLE_ID}/restore")]
    ]


class Project(TypedDict):
    """A project."""

    id: Annotated[UUID, described("Never changes.", EXAMPLE_ID)]
    team_id: Annotated[UUID, described("The team that owns it.", EXAMPLE_ID)]
    user_id: Annotated[UUID | None, described("Who created it; null if the account is gone.", EXAMPLE_ID)]
    name: Annotated[str, _name]
    description: Annotated[str, _description]
    color: Annotated[str, _color]
    status: Annotated[StatusName, _status]
    position: Annotated[float, _position]
    version: Annotated[int, described("Rises by one with each change.", 3)]
    created_at: Annotated[dt.datetime, described("When it was created.", EXAMPLE_MOMENT)]
    updated_at: Annotated[dt.datetime, described("When it last changed.", EXAMPLE_MOMENT)]
    deleted_at: Annotated[dt.datetime | None, described("When it went to the trash; null outside of it.", None)]
    purge_at: Annotated[dt.datetime | None, described("When the trash lets go of it for good; null outside.", None)]
    links: Annotated[
        ProjectLinks,
        described("Related resources and the actions allowed now.", {"self": f"/api/v2/projects/{EXAMPLE_ID}"}),
    ]


class ProjectListQuery(NumberedPageQuery):
    """Which projects to list in version 1."""

    team_id: UUID | None = Field(None, description="Only projects of this team.", examples=[EXAMPLE_ID])
    status: StatusName | None = Field(None, description="Only projects with this status.", examples=["active"])


class ProjectPage(NumberedPageInfo):
    """One page of projects in version 1."""

    items: Annotated[list[Project], Field(description="The projects, newest first.")]
