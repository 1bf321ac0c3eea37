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

    @property
    def is_administrator(self) -> bool:
        """True if they administer the whole service."""
        return ADMINISTRATOR in self.roles
