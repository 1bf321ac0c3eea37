"""Which projects a list shows, and in which orders lists can be walked."""

from dataclasses import dataclass, field

from app.domain.ids import TeamId, UserId
from app.domain.pages import Sort
from app.domain.projects.project import Status

SORTS = ("created_at", "position")
NEWEST_FIRST = Sort("created_at", descending=True)
LAST_TRASHED_FIRST = Sort("deleted_at", descending=True)


@dataclass(frozen=True, kw_only=True)
class ProjectFilter:
    """Conditions that all hold; None does not filter. `user_id` is the creator; `trashed` lists the trash instead."""

    team_id: TeamId | None = None
    status: Status | None = None
    user_id: UserId | None = None
    trashed: bool = False


@dataclass(frozen=True)
class ProjectList:
    """One list of projects: whose, filtered how, in which order."""

    caller_id: UserId
    filter: ProjectFilter = field(default_factory=ProjectFilter)
    sort: Sort = NEWEST_FIRST
