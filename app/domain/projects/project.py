"""What a project is and how it may change. Pure values and rules; no storage."""

import datetime as dt
import re
from enum import StrEnum
from math import isfinite

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from app.domain.errors import Stale, invalid
from app.domain.ids import ProjectId, TeamId, UserId
from app.domain.names import checked_name
from app.domain.text import multi_line

NAME_MAXIMUM = 200
DESCRIPTION_MAXIMUM = 20_000
COLOR = "^#[0-9a-fA-F]{6}$"
DEFAULT_COLOR = "#808080"
TRASH_KEPT = dt.timedelta(days=30)

_COLOR = re.compile(COLOR)


class Status(StrEnum):
    """Whether a project is worked on or kept for reference."""

    ACTIVE = "active"
    ARCHIVED = "archived"


class Project(Struct, frozen=True):
    """A project as its team stores it, and the `role` that the caller has in that team."""

    team_id: TeamId
    id: ProjectId
    user_id: UserId | None
    name: str
    description: str
    color: str
    status: str
    position: float
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    deleted_at: dt.datetime | None
    role: str

    @property
    def purge_at(self) -> dt.datetime | None:
        """When a project in the trash is gone for good."""
        return self.deleted_at + TRASH_KEPT if self.deleted_at else None


class ProjectDraft(Struct, frozen=True, kw_only=True):
    """A project that does not exist yet. Without a team it is the caller's own; without a position it is the last."""

    name: str
    description: str = ""
    color: str = DEFAULT_COLOR
    status: Status = Status.ACTIVE
    position: float | None = None
    team_id: TeamId | None = None


class ProjectChanges(Struct, frozen=True, kw_only=True):
    """What to change; what is UNSET stays."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    color: str | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    position: float | UnsetType = UNSET


def checked(draft: ProjectDraft) -> ProjectDraft:
    """`draft` as it is stored. Raises Invalid."""
    return replace(
        draft,
        name=checked_name(draft.name, maximum=NAME_MAXIMUM),
        description=checked_description(draft.description),
        color=checked_color(draft.color),
        position=None if draft.position is None else checked_position(draft.position),
    )


def changed(project: Project, changes: ProjectChanges) -> Project:
    """`project` with `changes` applied; equal to `project` if they change nothing. Raises Invalid."""
    return replace(
        project,
        name=project.name if changes.name is UNSET else checked_name(changes.name, maximum=NAME_MAXIMUM),
        description=project.description if changes.description is UNSET else checked_description(changes.description),
        color=project.color if changes.color is UNSET else checked_color(changes.color),
        status=project.status if changes.status is UNSET else changes.status.value,
        position=project.position if changes.position is UNSET else checked_position(changes.position),
    )


def checked_description(description: str) -> str:
    """`description` as it is stored. Raises Invalid about #/description."""
    try:
        text = multi_line(description)
    except ValueError as refused:
        raise invalid("#/description", "UNUSABLE_TEXT", f"description {refused}.") from None
    if len(text) > DESCRIPTION_MAXIMUM:
        raise invalid("#/description", "LENGTH", f"description must have at most {DESCRIPTION_MAXIMUM} characters.")
    return text


def checked_color(color: str) -> str:
    """`color` in lower case. Raises Invalid about #/color unless it is `#` and six hexadecimal digits."""
    if not _COLOR.fullmatch(color):
        raise invalid("#/color", "COLOR_FORMAT", "color must be # and six hexadecimal digits, such as #1e90ff.")
    return color.lower()


def checked_position(position: float) -> float:
    """`position` itself. Raises Invalid about #/position for infinity and for what is not a number."""
    if not isfinite(position):
        raise invalid("#/position", "NOT_FINITE", "position must be a finite number.")
    return position


def require_version(project: Project, expected: frozenset[int] | None) -> None:
    """Raises Stale unless `project` is at one of the versions that the caller acts on; None stands for any."""
    if expected is not None and project.version not in expected:
        raise Stale(f"The project is at version {project.version} now.")
