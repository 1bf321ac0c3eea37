"""What cached values about todos depend on.

A write touches `of_list` of the team, for everything that lists or counts its todos, and `of_item` for each todo that
it changed. Where it changed an unknown number of them, `of_every_item` of the team stands for all.
"""

from collections.abc import Iterable

from app.domain.ids import TeamId, TodoId


def of_list(team_id: TeamId) -> str:
    """Every list of the team's todos, and every count over them, the trash included."""
    return f"todos:{team_id}"


def of_item(todo_id: TodoId) -> str:
    """One todo."""
    return f"todo:{todo_id}"


def of_every_item(team_id: TeamId) -> str:
    """Each todo of the team, for what changes many at once."""
    return f"every_todo:{team_id}"


def of_lists(team_ids: Iterable[TeamId]) -> tuple[str, ...]:
    """`of_list` of several teams: what a list that is shown to their member depends on."""
    return tuple(f"todos:{team_id}" for team_id in team_ids)


def of_one(todo_id: TodoId, team_ids: Iterable[TeamId]) -> tuple[str, ...]:
    """What one todo depends on that lies in one of these teams."""
    return (of_item(todo_id), *(f"every_todo:{team_id}" for team_id in team_ids))
