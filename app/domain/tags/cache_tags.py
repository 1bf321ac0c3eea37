"""What cached values about tags depend on: the tags that todos carry, not those of the cache."""

from collections.abc import Iterable

from app.domain.ids import TeamId


def of_tags(team_id: TeamId) -> str:
    """Every tag of the team: names, colours, and that they exist."""
    return f"tags:{team_id}"


def of_tags_of(team_ids: Iterable[TeamId]) -> tuple[str, ...]:
    """The same for several teams."""
    return tuple(f"tags:{team_id}" for team_id in team_ids)
