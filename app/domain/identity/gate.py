"""Who is calling: an access token names a session, and the session is looked up at every request.

So logout, deactivation and demotion hold at once in every worker. Concurrent requests share one statement.
"""

from app.database.batching import Batcher
from app.database.executor import Reader
from app.domain.errors import NotAuthenticated
from app.domain.identity import repository
from app.domain.identity.access_tokens import AccessTokens
from app.domain.identity.repository import Presence
from app.domain.ids import SessionId
from app.domain.users.caller import Caller


class SessionGate:
    """Lets in whoever holds a token of a live session of an active user."""

    def __init__(self, reader: Reader, access_tokens: AccessTokens) -> None:
        self._access_tokens = access_tokens

        async def present(session_ids: list[SessionId]) -> dict[SessionId, Presence]:
            return await repository.present(reader, session_ids)

        self._presences = Batcher[SessionId, Presence](present)

    async def caller(self, token: str) -> Caller:
        """The caller that `token` stands for, with the roles and the time zone that they have now.

        Raises NotAuthenticated (INVALID_TOKEN, TOKEN_EXPIRED, SESSION_ENDED). One statement, shared with the requests
        that arrive in the same turn of the event loop.
        """
        claims = self._access_tokens.verify(token)
        presence = await self._presences.get(claims.session_id)
        if presence is None or presence.user_id != claims.user_id:
            raise NotAuthenticated("The session of this token has ended; log in again.", code="SESSION_ENDED")
        return Caller(
            user_id=presence.user_id,
            session_id=presence.session_id,
            personal_team_id=presence.personal_team_id,
            timezone=presence.timezone,
            roles=frozenset(presence.roles),
        )
