"""Who is calling, as every command and query wants to know it."""

from dataclasses import dataclass

from app.domain.ids import SessionId, TeamId, UserId

ADMINISTRATOR = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """An active user with a live session. What they may do in a team is decided by their membership, in the SQL."""

    user_id: UserId
    session_id: SessionId
    personal_team_id: TeamId
    timezone: str
    roles: frozenset[str]
    # What the caller sees now depends on these teams; whether a statement shows it is decided by the statement itself.
    team_ids: tuple[TeamId, ...]

    @property
    def is_administrator(self) -> bool:
        """True if they administer the whole service."""
        return ADMINISTRATOR in self.roles
