"""Which todos a list shows, and in which orders lists can be walked."""

import datetime as dt

import msgspec

from app.domain.errors import invalid_parameter
from app.domain.ids import ProjectId, TeamId, TodoId, UserId
from app.domain.pages import Sort
from app.domain.todos.todo import Priority, Status

SORTS = ("created_at", "updated_at", "due_date", "priority", "position")
NEWEST_FIRST = Sort("created_at", descending=True)
SOONEST_FIRST = Sort("due_date")
LAST_TRASHED_FIRST = Sort("deleted_at", descending=True)
_NOTHING: tuple[object, ...] = (None, (), False)


class TodoFilter(msgspec.Struct, frozen=True, kw_only=True):
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
        if self == _NO_CONDITIONS:  # Most lists; compared in C.
            return ()
        values = zip(self.__struct_fields__, msgspec.structs.astuple(self), strict=True)
        return tuple([name for name, value in values if value not in _NOTHING])

    def check(self, sort: Sort) -> None:
        """Raises Invalid for an order that no index could walk under this filter."""
        if sort.field == "position" and self.project_id is None:
            raise invalid_parameter(
                "sort", "SORT_NEEDS_PROJECT", "sort=position orders one project: give project_id, too."
            )


_NO_CONDITIONS = TodoFilter()


class TodoList(msgspec.Struct, frozen=True):
    """One list of todos: whose, filtered how, in which order."""

    caller_id: UserId
    filter: TodoFilter = msgspec.field(default_factory=TodoFilter)
    sort: Sort = NEWEST_FIRST
