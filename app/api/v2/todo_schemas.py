"""The shapes of todos in version 2: what clients send, and what they get."""

import datetime as dt
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from app.api.fields import (
    EXAMPLE_ID,
    EXAMPLE_MOMENT,
    CommaSeparated,
    Date,
    Description,
    Moment,
    QueryParameters,
    RequestBody,
    SearchText,
    TagName,
    Title,
    described,
)
from app.api.pages import PageInfo, PageQuery
from app.domain.todos.todo import Status

PriorityName = Literal["none", "low", "medium", "high", "urgent"]
StatusName = Literal["open", "in_progress", "blocked", "done", "cancelled"]
Tags = Annotated[list[TagName], Field(max_length=20)]
ExternalId = Annotated[str, Field(min_length=1, max_length=200, pattern="^[!-~]+$")]
Position = Annotated[float, Field(allow_inf_nan=False, ge=-1e15, le=1e15)]

_status = described("Where the todo stands. From done and cancelled it goes back to open only.", "open")
_priority = described("How much it matters.", "high")
_project = described("The project it belongs to; null for none. Always one of the todo's team.", EXAMPLE_ID)
_parent = described("The todo of which this is a subtask; null for none. Subtasks have no subtasks.", EXAMPLE_ID)
_assignee = described("The member of the team who does it; null for nobody.", EXAMPLE_ID)
_tags = described("Names of tags, each once whatever its case. A name that is new to the team becomes a tag.", ["home"])
_position = described("Ascending order within a project; take a number between two others to go between them.", 1024.5)
_external = described("What the todo is called in the system that it came from; unique in its team.", "jira-4711")
_due = described("The day on which it is due; null for none.", "2026-12-01")


def _tags_or_none(example: list[str]) -> Any:
    """No tags unless some are given. A factory, since pydantic takes 0.9 µs to copy a list that is the default."""
    no_tags: dict[str, Any] = {"default": []}
    return Field(default_factory=list, json_schema_extra=no_tags, description=_tags.description, examples=[example])


class TodoCreate(RequestBody):
    """A new todo. Without project and team it goes to your personal team."""

    title: Title = described("What is to be done, 1 to 200 characters after trimming.", "Buy milk")
    description: Description = Field("", description="More about it, up to 20,000 characters.", examples=["2 litres"])
    status: StatusName = Field("open", description=_status.description, examples=["open"])
    priority: PriorityName = Field("none", description=_priority.description, examples=["high"])
    due_date: Date | None = Field(None, description=_due.description, examples=["2026-12-01"])
    team_id: UUID | None = Field(None, description="The team that owns it.", examples=[EXAMPLE_ID])
    project_id: UUID | None = Field(None, description=_project.description, examples=[EXAMPLE_ID])
    parent_id: UUID | None = Field(None, description=_parent.description, examples=[EXAMPLE_ID])
    assignee_id: UUID | None = Field(None, description=_assignee.description, examples=[EXAMPLE_ID])
    tags: Tags = _tags_or_none(["home"])
    position: Position | None = Field(None, description=_position.description, examples=[1024.5])
    external_id: ExternalId | None = Field(None, description=_external.description, examples=["jira-4711"])


class TodoReplace(RequestBody):
    """All changeable fields of a todo: one that is left out gets its default."""

    title: Title = described("What is to be done, 1 to 200 characters after trimming.", "Buy milk")
    description: Description = Field("", description="More about it, up to 20,000 characters.", examples=["2 litres"])
    status: StatusName = Field("open", description=_status.description, examples=["open"])
    priority: PriorityName = Field("none", description=_priority.description, examples=["high"])
    due_date: Date | None = Field(None, description=_due.description, examples=["2026-12-01"])
    project_id: UUID | None = Field(None, description=_project.description, examples=[EXAMPLE_ID])
    parent_id: UUID | None = Field(None, description=_parent.description, examples=[EXAMPLE_ID])
    assignee_id: UUID | None = Field(None, description=_assignee.description, examples=[EXAMPLE_ID])
    tags: Tags = _tags_or_none(["home"])
    position: Position | None = Field(None, description="As in the resource; left out, it stays.", examples=[1024.5])
    external_id: ExternalId | None = Field(None, description=_external.description, examples=["jira-4711"])


class TodoPatch(RequestBody):
    """A merge patch: what is left out stays, null clears, arrays replace."""

    title: Title = Field("", validate_default=False, description="A new title.", examples=["Buy oat milk"])
    description: Description = Field("", description="A new description.", examples=["1 litre"])
    status: StatusName = Field("open", description=_status.description, examples=["in_progress"])
    priority: PriorityName = Field("none", description=_priority.description, examples=["low"])
    due_date: Date | None = Field(None, description=_due.description, examples=["2026-12-02"])
    project_id: UUID | None = Field(None, description=_project.description, examples=[EXAMPLE_ID])
    parent_id: UUID | None = Field(None, description=_parent.description, examples=[EXAMPLE_ID])
    assignee_id: UUID | None = Field(None, description=_assignee.description, examples=[EXAMPLE_ID])
    tags: Tags = _tags_or_none(["home", "errands"])
    position: Position = Field(0, description=_position.description, examples=[2048.0])
    external_id: ExternalId | None = Field(None, description=_external.description, examples=["jira-4711"])


class TodoMove(RequestBody):
    """Where a todo goes."""

    project_id: UUID | None = described("The project to move to; null takes it out of any.", EXAMPLE_ID)
    position: Position | None = Field(None, description=_position.description, examples=[1024.5])


# An API key does not see by a detour what it may not ask for.
EXPAND = "Put these along, in `expanded`; an API key needs `projects:read`, `tags:read`, `teams:read` for them."


class TodoNarrowing(QueryParameters):
    """Which todos to list: all conditions hold; of several values in one, any."""

    team_id: UUID | None = Field(None, description="Only todos of this team.", examples=[EXAMPLE_ID])
    project_id: UUID | None = Field(None, description="Only todos of this project.", examples=[EXAMPLE_ID])
    assignee_id: UUID | None = Field(None, description="Only todos of this assignee.", examples=[EXAMPLE_ID])
    priority: Annotated[list[PriorityName], CommaSeparated, Field(max_length=5)] = Field(
        [], description="Only these priorities.", examples=[["high", "urgent"]]
    )
    tag: Annotated[list[TagName], CommaSeparated, Field(max_length=20)] = Field(
        [], description="Only todos with one of these tags, whatever their case.", examples=[["home"]]
    )
    fields: Annotated[list[str], CommaSeparated, Field(max_length=40)] = Field(
        [], description="Only these members of each todo.", examples=[["id", "title"]]
    )
    expand: Annotated[list[Literal["project", "tags", "assignee"]], CommaSeparated, Field(max_length=3)] = Field(
        [], description=EXPAND, examples=[["project"]]
    )


class TodoDayQuery(PageQuery, TodoNarrowing):
    """A list that a day decides: no sort, no status."""


class TodoListQuery(TodoDayQuery):
    """Every way to narrow and order the list of todos."""

    status: Annotated[list[StatusName], CommaSeparated, Field(max_length=5)] = Field(
        [], description="Only these statuses.", examples=[["open", "in_progress"]]
    )
    parent_id: UUID | None = Field(None, description="Only subtasks of this todo.", examples=[EXAMPLE_ID])
    created_by: UUID | None = Field(None, description="Only todos that this person created.", examples=[EXAMPLE_ID])
    external_id: ExternalId | None = Field(
        None, description="Only the todo with this external id.", examples=["jira-4711"]
    )
    due_after: Date | None = Field(None, description="Only todos due after this day.", examples=["2026-11-30"])
    due_before: Date | None = Field(None, description="Only todos due before this day.", examples=["2026-12-24"])
    updated_since: Moment | None = Field(
        None, description="Only todos changed then or later.", examples=[EXAMPLE_MOMENT]
    )
    overdue: bool = Field(
        False, description="true: only unfinished todos that were due before your present day.", examples=[True]
    )
    q: SearchText | None = Field(
        None, description='Words in title or description; "a phrase", or, and -not work.', examples=["milk -oat"]
    )
    sort: Annotated[str, Field(pattern="^-?(created_at|updated_at|due_date|priority|position)$")] = Field(
        "-created_at",
        description=(
            "created_at, updated_at, due_date, priority or position (which needs project_id); - for descending. "
            "No due date counts as the end of time."
        ),
        examples=["-priority"],
    )


class TodoQuery(QueryParameters):
    """How to show one todo."""

    fields: Annotated[list[str], CommaSeparated, Field(max_length=40)] = Field(
        [], description="Only these members.", examples=[["id", "title"]]
    )
    expand: Annotated[list[Literal["project", "tags", "assignee"]], CommaSeparated, Field(max_length=3)] = Field(
        [], description=EXPAND, examples=[["assignee"]]
    )


class StatsQuery(QueryParameters):
    """Whose todos to count."""

    team_id: UUID | None = Field(None, description="Only todos of this team.", examples=[EXAMPLE_ID])


class TodoLinks(TypedDict):
    """Where to go from here; an action is listed while it is allowed."""

    self: Annotated[str, described("This todo.", f"/api/v2/todos/{EXAMPLE_ID}")]
    team: Annotated[str, described("Its team.", f"/api/v2/teams/{EXAMPLE_ID}")]
    project: NotRequired[Annotated[str, described("Its project.", f"/api/v2/projects/{EXAMPLE_ID}")]]
    parent: NotRequired[Annotated[str, described("The todo that it is part of.", f"/api/v2/todos/{EXAMPLE_ID}")]]
    complete: NotRequired[
        Annotated[str, described("POST here when it is done.", f"/api/v2/todos/{EXAMPLE_ID}/complete")]
    ]
    reopen: NotRequired[Annotated[str, described("POST here to open it again.", f"/api/v2/todos/{EXAMPLE_ID}/reopen")]]
    move: NotRequired[Annotated[str, described("POST here to move it.", f"/api/v2/todos/{EXAMPLE_ID}/move")]]
    duplicate: NotRequired[Annotated[str, described("POST here for a copy.", f"/api/v2/todos/{EXAMPLE_ID}/duplicate")]]
    restore: NotRequired[Annotated[str, described("POST here to get it back.", f"/api/v2/todos/{EXAMPLE_ID}/restore")]]


class ExpandedProject(TypedDict):
    """The project of a todo."""

    id: Annotated[UUID, described("Its id.", EXAMPLE_ID)]
    name: Annotated[str, described("Its name.", "Household")]
    color: Annotated[str, described("Its colour.", "#3366cc")]
    status: Annotated[Literal["active", "archived"], described("Whether it is in use.", "active")]


class ExpandedPerson(TypedDict):
    """The assignee of a todo."""

    id: Annotated[UUID, described("Their id.", EXAMPLE_ID)]
    name: Annotated[str, described("Their name.", "Ada")]


class ExpandedTag(TypedDict):
    """A tag of a todo."""

    id: Annotated[UUID, described("Its id.", EXAMPLE_ID)]
    name: Annotated[str, described("Its name.", "home")]
    color: Annotated[str, described("Its colour.", "#808080")]


class Expanded(TypedDict):
    """What `expand` asked for."""

    project: NotRequired[Annotated[ExpandedProject | None, described("The project; null for none.", None)]]
    assignee: NotRequired[Annotated[ExpandedPerson | None, described("The assignee; null for nobody.", None)]]
    tags: NotRequired[Annotated[list[ExpandedTag], described("The tags, in the todo's order.", [])]]


class Todo(TypedDict):
    """A todo."""

    id: Annotated[UUID, described("Never changes.", EXAMPLE_ID)]
    team_id: Annotated[UUID, described("The team that owns it.", EXAMPLE_ID)]
    project_id: Annotated[UUID | None, _project]
    parent_id: Annotated[UUID | None, _parent]
    title: Annotated[str, described("What is to be done.", "Buy milk")]
    description: Annotated[str, described("More about it; empty if there is nothing to say.", "2 litres")]
    status: Annotated[StatusName, _status]
    priority: Annotated[PriorityName, _priority]
    due_date: Annotated[dt.date | None, _due]
    assignee_id: Annotated[UUID | None, _assignee]
    tags: Annotated[list[str], _tags]
    position: Annotated[float, _position]
    external_id: Annotated[str | None, _external]
    created_by: Annotated[UUID | None, described("Who created it; null if the account is gone.", EXAMPLE_ID)]
    version: Annotated[int, described("Rises by one with each change.", 3)]
    created_at: Annotated[dt.datetime, described("When it was created.", EXAMPLE_MOMENT)]
    updated_at: Annotated[dt.datetime, described("When it last changed.", EXAMPLE_MOMENT)]
    completed_at: Annotated[dt.datetime | None, described("When it was done; null unless status is done.", None)]
    deleted_at: Annotated[dt.datetime | None, described("When it went to the trash; null outside of it.", None)]
    purge_at: Annotated[dt.datetime | None, described("When the trash lets go of it for good; null outside.", None)]
    links: Annotated[
        TodoLinks,
        described(
            "Related resources and the actions allowed now.",
            {"self": f"/api/v2/todos/{EXAMPLE_ID}", "team": f"/api/v2/teams/{EXAMPLE_ID}"},
        ),
    ]
    expanded: NotRequired[Annotated[Expanded, described("What `expand` asked for.", {"project": None})]]


class TodoPage(TypedDict):
    """One page of todos."""

    items: Annotated[list[Todo], Field(description="The todos, in the list's order.")]
    page: Annotated[PageInfo, Field(description="How to go on.")]


class TodoStats(TypedDict):
    """How the todos that you see stand; the trash does not count."""

    total: Annotated[int, described("All of them.", 42)]
    open: Annotated[int, described("With status open.", 20)]
    in_progress: Annotated[int, described("With status in_progress.", 5)]
    blocked: Annotated[int, described("With status blocked.", 2)]
    done: Annotated[int, described("With status done.", 13)]
    cancelled: Annotated[int, described("With status cancelled.", 2)]
    overdue: Annotated[int, described("Unfinished, and due before your present day.", 3)]
    due_today: Annotated[int, described("Unfinished, and due on your present day.", 1)]
    completed_last_7_days: Annotated[int, described("Done within the last seven days.", 6)]
    priorities: Annotated[
        dict[PriorityName, int], described("By priority.", {"none": 30, "low": 4, "medium": 4, "high": 3, "urgent": 1})
    ]


STATUSES: dict[str, Status] = {status.value: status for status in Status}
