"""What cached values of and for one user depend on."""

from collections.abc import Iterable

from app.domain.ids import TeamId, UserId


def of_user(user_id: UserId) -> str:
    """Who the user is and what they see: profile, roles, activity, and which teams they are in as what."""
    return f"user:{user_id}"


def of_lists_of_members(team_ids: Iterable[TeamId]) -> tuple[str, ...]:
    """Where these teams name their members. Teams build on users, so what they call it cannot be imported here."""
    return tuple(f"team:{team_id}" for team_id in team_ids)
