"""What a todo is and how it may change. Pure values and rules; no storage."""

import datetime as dt
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from app.domain.errors import Conflict, invalid
from app.domain.ids import ProjectId, TeamId, TodoId, UserId

TITLE_MAXIMUM = 200
DESCRIPTION_MAXIMUM = 20_000
TAGS_MAXIMUM = 20
TAG_NAME_MAXIMUM = 50
TRASH_KEPT = dt.timedelta(days=30)


class Status(StrEnum):
    """Where a todo stands."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    BLOCKED = "blocked"
    DONE = "done"
    CANCELLED = "cancelled"


class Priority(IntEnum):
    """How much a todo matters; stored as the number, so that it sorts."""

    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    URGENT = 4


# Finished todos go back to open first: then it is clear that somebody reopened them.
TRANSITIONS: dict[str, frozenset[Status]] = {
    Status.OPEN: frozenset(Status) - {Status.OPEN},
    Status.IN_PROGRESS: frozenset(Status) - {Status.IN_PROGRESS},
    Status.BLOCKED: frozenset(Status) - {Status.BLOCKED},
    Status.DONE: frozenset({Status.OPEN}),
    Status.CANCELLED: frozenset({Status.OPEN}),
}


class Todo(msgspec.Struct, frozen=True):
    """A todo as its team stores it, and the `role` that the caller has in that team."""

    team_id: TeamId
    id: TodoId
    project_id: ProjectId | None
    parent_id: TodoId | None
    title: str
    description: str
    status: str
    priority: int
    due_date: dt.date | None
    assignee_id: UserId | None
    tags: list[str]
    position: float
    external_id: str | None
    created_by: UserId | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    completed_at: dt.datetime | None
    deleted_at: dt.datetime | None
    role: str

    @property
    def purge_at(self) -> dt.datetime | None:
        """When a todo in the trash is gone for good."""
        return self.deleted_at + TRASH_KEPT if self.deleted_at else None


class TodoDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A todo that does not exist yet. Without team and project it goes to the caller's personal team."""

    title: str
    description: str = ""
    status: Status = Status.OPEN
    priority: Priority = Priority.NONE
    due_date: dt.date | None = None
    team_id: TeamId | None = None
    project_id: ProjectId | None = None
    parent_id: TodoId | None = None
    assignee_id: UserId | None = None
    tags: tuple[str, ...] = ()
    position: float | None = None
    external_id: str | None = None

    @property
    def is_plain(self) -> bool:
        """True if nothing has to be looked up or made before it can be stored: no project, parent or tags."""
        return self.project_id is None and self.parent_id is None and not self.tags


class TodoChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What to change: UNSET leaves a field as it is, None clears it.

    `completed` is another way to say the status: true is done; false is open if the todo was done, and otherwise
    leaves it as it stands.
    """

    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    completed: bool | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    due_date: dt.date | UnsetType | None = UNSET
    project_id: ProjectId | UnsetType | None = UNSET
    parent_id: TodoId | UnsetType | None = UNSET
    assignee_id: UserId | UnsetType | None = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    position: float | UnsetType = UNSET
    external_id: str | UnsetType | None = UNSET


def changed(todo: Todo, changes: TodoChanges) -> Todo:
    """`todo` with `changes` applied; equal to `todo` if they change nothing.

    Raises Conflict (ILLEGAL_TRANSITION) for a status that cannot follow the present one.
    """
    values: dict[str, Any] = {
        name: value for name in changes.__struct_fields__ if (value := getattr(changes, name)) is not UNSET
    }
    if "tags" in values:
        values["tags"] = list(values["tags"])
    if "completed" in values:
        values["status"] = _completion(todo.status, completed=values.pop("completed"))
    wanted = values.get("status", todo.status)
    if wanted != todo.status:
        require_transition(todo.status, wanted)
    return msgspec.structs.replace(todo, **values)


def _completion(present: str, *, completed: bool) -> Status:
    if completed:
        return Status.DONE
    return Status.OPEN if present == Status.DONE else Status(present)


def require_transition(present: str, wanted: Status) -> None:
    """Raises Conflict unless a todo may go from `present` to `wanted`."""
    if wanted not in TRANSITIONS[present]:
        raise Conflict(f"A todo that is {present} cannot become {wanted}; reopen it first.", code="ILLEGAL_TRANSITION")


def clean_title(title: str) -> str:
    """`title` without surrounding white space. Raises Invalid if 1-200 characters do not remain."""
    trimmed = title.strip()
    if not 1 <= len(trimmed) <= TITLE_MAXIMUM:
        raise invalid(
            "#/title", "LENGTH", f"title must have 1 to {TITLE_MAXIMUM} characters besides surrounding space."
        )
    return trimmed


@dataclass(frozen=True)
class TodoStats:
    """How many todos a caller sees, and how they stand; the trash does not count."""

    total: int
    open: int
    in_progress: int
    blocked: int
    done: int
    cancelled: int
    overdue: int
    due_today: int
    completed_last_7_days: int
    priorities: dict[str, int]


@dataclass(frozen=True)
class TodoReferences:
    """What todos point at, by id, for callers who want it along."""

    projects: dict[UUID, "ProjectSummary"]
    assignees: dict[UUID, "PersonSummary"]
    tags: dict[tuple[UUID, str], "TagSummary"]


class ProjectSummary(msgspec.Struct, frozen=True):
    """A project, as far as one of its todos shows it."""

    id: ProjectId
    name: str
    color: str
    status: str


class PersonSummary(msgspec.Struct, frozen=True):
    """A member of the team, as far as other members see them."""

    id: UserId
    name: str


class TagSummary(msgspec.Struct, frozen=True):
    """A tag, as far as a todo shows it."""

    team_id: TeamId
    id: UUID
    name: str
    color: str
