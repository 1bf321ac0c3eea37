"""The shapes of todos in version 1: what clients send, and what they get. A todo is completed, or it is not."""

import datetime as dt
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from app.api.fields import (
    EXAMPLE_ID,
    EXAMPLE_MOMENT,
    Date,
    Description,
    QueryParameters,
    RequestBody,
    SearchText,
    TagName,
    Title,
    described,
)
from app.api.numbered_pages import NumberedPageInfo, NumberedPageQuery
from app.domain.todos.todo import TAGS_MAXIMUM

PriorityName = Literal["none", "low", "medium", "high", "urgent"]
Tags = Annotated[list[TagName], Field(max_length=TAGS_MAXIMUM)]

_title = described("What is to be done, 1 to 200 characters after trimming.", "Buy milk")
_description = described("More about it, up to 20,000 characters; empty if there is nothing to say.", "2 litres")
_completed = described(
    "Whether it is done. Version 2 tells more: open, in progress, blocked and cancelled todos are not completed.", False
)
_priority = described("How much it matters.", "high")
_due = described("The day on which it is due; null for none.", "2026-12-01")
_project = described("The project it belongs to; null for none. Always one of the todo's team.", EXAMPLE_ID)
_tags = described("Names of tags, each once whatever its case. A name that is new to the team becomes a tag.", ["home"])


class TodoCreate(RequestBody):
    """A new todo. It goes to the team of its project, or to your personal team."""

    title: Title = _title
    description: Description = Field("", description=_description.description, examples=["2 litres"])
    completed: bool = Field(False, description="Whether it is done already.", examples=[False])
    priority: PriorityName = Field("none", description=_priority.description, examples=["high"])
    due_date: Date | None = Field(None, description=_due.description, examples=["2026-12-01"])
    project_id: UUID | None = Field(None, description=_project.description, examples=[EXAMPLE_ID])
    tags: Tags = Field([], description=_tags.description, examples=[["home"]])


class TodoReplace(RequestBody):
    """All that version 1 can change of a todo. No member may be left out, so none is wiped by mistake."""

    title: Title = _title
    description: Description = _description
    completed: bool = described("true: done. false: open again if it was done; otherwise it stands as it is.", False)
    priority: PriorityName = _priority
    due_date: Date | None = _due
    project_id: UUID | None = _project
    tags: Tags = _tags


class TodoPatch(RequestBody):
    """A merge patch: what is left out stays, null clears, arrays replace."""

    title: Title = Field("", validate_default=False, description="A new title.", examples=["Buy oat milk"])
    description: Description = Field("", description="A new description.", examples=["1 litre"])
    completed: bool = Field(
        False,
        description="true: done. false: open again if it was done; otherwise it stands as it is.",
        examples=[True],
    )
    priority: PriorityName = Field("none", description=_priority.description, examples=["low"])
    due_date: Date | None = Field(None, description=_due.description, examples=["2026-12-02"])
    project_id: UUID | None = Field(None, description=_project.description, examples=[EXAMPLE_ID])
    tags: Tags = Field([], description=_tags.description, examples=[["home", "errands"]])


class TodoListQuery(NumberedPageQuery):
    """Which todos to list: all conditions hold."""

    completed: bool | None = Field(None, description="Only todos that are done, or that are not.", examples=[False])
    priority: PriorityName | None = Field(None, description="Only todos of this priority.", examples=["high"])
    project_id: UUID | None = Field(None, description="Only todos of this project.", examples=[EXAMPLE_ID])
    team_id: UUID | None = Field(None, description="Only todos of this team.", examples=[EXAMPLE_ID])
    tag: TagName | None = Field(None, description="Only todos with this tag, whatever its case.", examples=["home"])
    due_before: Date | None = Field(None, description="Only todos due before this day.", examples=["2026-12-24"])
    q: SearchText | None = Field(
        None, description='Words in title or description; "a phrase", or, and -not work.', examples=["milk -oat"]
    )


class StatsQuery(QueryParameters):
    """Whose todos to count."""

    team_id: UUID | None = Field(None, description="Only todos of this team.", examples=[EXAMPLE_ID])


class Todo(TypedDict):
    """A todo."""

    id: Annotated[UUID, described("Never changes; the same in version 2.", EXAMPLE_ID)]
    team_id: Annotated[UUID, described("The team that owns it.", EXAMPLE_ID)]
    project_id: Annotated[UUID | None, _project]
    title: Annotated[str, _title]
    description: Annotated[str, _description]
    completed: Annotated[bool, _completed]
    priority: Annotated[PriorityName, _priority]
    due_date: Annotated[dt.date | None, _due]
    tags: Annotated[list[str], _tags]
    version: Annotated[int, described("Rises by one with each change, in whichever version of the interface.", 3)]
    created_at: Annotated[dt.datetime, described("When it was created.", EXAMPLE_MOMENT)]
    updated_at: Annotated[dt.datetime, described("When it last changed.", EXAMPLE_MOMENT)]
    completed_at: Annotated[dt.datetime | None, described("When it was done; null unless completed.", None)]


class TodoPage(NumberedPageInfo):
    """One page of todos."""

    items: Annotated[list[Todo], Field(description="The todos, newest first.")]


class TodoStats(TypedDict):
    """How the todos that you see stand; the trash does not count."""

    total: Annotated[int, described("All of them.", 42)]
    completed: Annotated[int, described("Those that are done.", 13)]
    pending: Annotated[int, described("Those that are not completed.", 29)]
    overdue: Annotated[int, described("Neither done nor cancelled, and due before your present day.", 3)]
    by_priority: Annotated[
        dict[PriorityName, int],
        described("By priority.", {"none": 30, "low": 4, "medium": 4, "high": 3, "urgent": 1}),
    ]
