"""What cached values about projects depend on."""

from collections.abc import Iterable

from app.domain.ids import TeamId


def of_projects(team_id: TeamId) -> str:
    """Every project of the team, the trash included."""
    return f"projects:{team_id}"


def of_projects_of(team_ids: Iterable[TeamId]) -> tuple[str, ...]:
    """The same for several teams."""
    return tuple(f"projects:{team_id}" for team_id in team_ids)
