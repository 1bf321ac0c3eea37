"""Who is calling, as every command and query wants to know it."""

from dataclasses import dataclass

from app.domain.errors import NotAllowed
from app.domain.ids import ApiKeyId, SessionId, TeamId, UserId

ADMINISTRATOR = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """An active user with a live session or API key. What they may do in a team is decided by their membership."""

    user_id: UserId
    # None where an API key is shown instead.
    session_id: SessionId | None
    personal_team_id: TeamId
    timezone: str
    roles: frozenset[str]
    # What the caller sees now depends on these teams; whether a statement shows it is decided by the statement itself.
    team_ids: tuple[TeamId, ...]
    # Of the API key that is shown: only this much of what the user may do. None for a session: all of it.
    scopes: frozenset[str] | None = None
    token_id: ApiKeyId | None = None

    @property
    def is_administrator(self) -> bool:
        """True if they administer the whole service."""
        return ADMINISTRATOR in self.roles

    @property
    def own_session(self) -> SessionId:
        """The session that they have logged in to. Raises NotAllowed (SESSION_REQUIRED) if they show an API key."""
        if self.session_id is None:
            raise NotAllowed("This takes somebody who has logged in; an API key cannot do it.", code="SESSION_REQUIRED")
        return self.session_id
