"""What cached values about teams depend on."""

from collections.abc import Iterable

from app.domain.ids import TeamId


def of_team(team_id: TeamId) -> str:
    """The team itself, who is in it as what, and the names and addresses of its members."""
    return f"team:{team_id}"


def of_teams(team_ids: Iterable[TeamId]) -> tuple[str, ...]:
    """The same for several teams."""
    return tuple(f"team:{team_id}" for team_id in team_ids)


def of_todos_in(team_id: TeamId) -> tuple[str, ...]:
    """Each todo of the team, their lists and their counts.

    For what changes many of them from below: todos build on teams, so what they call this cannot be imported here.
    """
    return (f"todos:{team_id}", f"every_todo:{team_id}")


def of_all_in(team_id: TeamId) -> tuple[str, ...]:
    """The team and everything that belongs to it, of whatever feature."""
    return (of_team(team_id), f"projects:{team_id}", f"tags:{team_id}", *of_todos_in(team_id))
