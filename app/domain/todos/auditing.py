"""What the audit log learns of todos: every change of what somebody else created, and what the purge has erased.

What people write is named and never quoted: whoever may read the log is in nobody's team by that.
"""

from collections import Counter
from collections.abc import Iterable

from app.database.executor import Transaction
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject, differences
from app.domain.ids import TeamId
from app.domain.todos.todo import Todo
from app.domain.todos.trash_repository import Trashed
from app.domain.users.caller import Caller

_TOLD = ("status", "priority", "due_date", "project_id", "parent_id", "assignee_id", "position")
_NAMED = ("title", "description", "tags", "external_id")


def record_change(work: Transaction, caller: Caller, before: Todo, after: Todo) -> None:
    """What is different about somebody else's todo; nothing about the caller's own."""
    if before.created_by != caller.user_id:
        audit.record(
            work,
            Action.TODO_CHANGED,
            actor=caller.user_id,
            subject=Subject("todo", before.id),
            team_id=before.team_id,
            changed=differences(before, after, *_TOLD, named=_NAMED),
        )


def record_moves(
    work: Transaction, action: Action, caller: Caller, team_id: TeamId, moved: Iterable[Todo | Trashed]
) -> None:
    """The todos of others that went to the trash, or came back, with the one that the caller named."""
    for todo in moved:
        if todo.created_by != caller.user_id:
            audit.record(work, action, actor=caller.user_id, subject=Subject("todo", todo.id), team_id=team_id)


def record_purge(work: Transaction, team_ids: Iterable[TeamId]) -> None:
    """How many todos each team has lost for good."""
    for team_id, erased in Counter(team_ids).items():
        subject = Subject("team", team_id)
        audit.record(work, Action.TRASH_PURGED, subject=subject, team_id=team_id, changed={"todos": (erased, 0)})
