"""Which todos a list shows, and in which orders lists can be walked."""

import datetime as dt
from dataclasses import dataclass, field, fields

from app.domain.errors import invalid_parameter
from app.domain.ids import ProjectId, TeamId, TodoId, UserId
from app.domain.pages import Sort
from app.domain.todos.todo import Priority, Status

SORTS = ("created_at", "updated_at", "due_date", "priority", "position")
NEWEST_FIRST = Sort("created_at", descending=True)
SOONEST_FIRST = Sort("due_date")
LAST_TRASHED_FIRST = Sort("deleted_at", descending=True)


@dataclass(frozen=True, kw_only=True)
class TodoFilter:
    """Conditions that all hold; those with several values hold if one of them does. None and () do not filter.

    `due_from` is inclusive, `due_before` and `due_after` are exclusive, `updated_since` is inclusive. `unfinished`
    asks for a due date, too. `trashed` lists the trash instead of what is live.
    """

    team_id: TeamId | None = None
    project_id: ProjectId | None = None
    parent_id: TodoId | None = None
    assignee_id: UserId | None = None
    created_by: UserId | None = None
    statuses: tuple[Status, ...] = ()
    priorities: tuple[Priority, ...] = ()
    tags: tuple[str, ...] = ()
    due_from: dt.date | None = None
    due_after: dt.date | None = None
    due_before: dt.date | None = None
    updated_since: dt.datetime | None = None
    external_id: str | None = None
    q: str | None = None
    unfinished_and_due: bool = False
    trashed: bool = False

    def active(self) -> tuple[str, ...]:
        """The names of the conditions that filter: with the sort they decide the shape of the SQL."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) not in {None, (), False})

    def check(self, sort: Sort) -> None:
        """Raises Invalid for an order that no index could walk under this filter."""
        if sort.field == "position" and self.project_id is None:
            raise invalid_parameter(
                "sort", "SORT_NEEDS_PROJECT", "sort=position orders one project: give project_id, too."
            )


@dataclass(frozen=True)
class TodoList:
    """One list of todos: whose, filtered how, in which order."""

    caller_id: UserId
    filter: TodoFilter = field(default_factory=TodoFilter)
    sort: Sort = NEWEST_FIRST
