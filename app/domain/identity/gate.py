"""Who is calling: an access token names a session, and whether that still lives is asked at every request.

So logout, deactivation and demotion hold at once in every worker. Redis confirms what is known already; what is not, or
cannot be confirmed, is asked of the database, in one statement for all requests of the same turn of the event loop.
"""

from functools import partial

from app.cache.layer import Cache
from app.database.batching import Batcher
from app.database.executor import Reader
from app.domain.errors import NotAuthenticated
from app.domain.identity import repository
from app.domain.identity.access_tokens import AccessTokens, Claims
from app.domain.identity.known import BeforeLoad, Credential, Known, credential
from app.domain.identity.repository import Presence
from app.domain.ids import SessionId
from app.domain.users.caller import Caller


class SessionGate:
    """Lets in whoever holds a token of a live session of an active user. Works without a cache, too."""

    def __init__(self, reader: Reader, access_tokens: AccessTokens, cache: Cache | None = None) -> None:
        self._access_tokens = access_tokens
        self._cache = cache

        async def present(session_ids: list[SessionId]) -> dict[SessionId, Presence]:
            return await repository.present(reader, session_ids)

        self._presences = Batcher[SessionId, Presence](present)

    async def caller(self, token: str) -> Caller:
        """The caller that `known` says."""
        return (await self.known(token)).caller

    async def known(self, token: str) -> Known:
        """Who `token` stands for, with the roles, the teams and the time zone that they have now.

        Raises NotAuthenticated (INVALID_TOKEN, TOKEN_EXPIRED, SESSION_ENDED). One round trip to Redis or one statement.
        """
        return await self.read(token).known(None)

    def read(self, token: str) -> Credential:
        """What `token` says by its signature alone. Raises NotAuthenticated (INVALID_TOKEN, TOKEN_EXPIRED)."""
        claims = self._access_tokens.verify(token)
        held = None if self._cache is None else self._cache.held(claims.place)
        return credential(claims.payer, held, partial(self._known, claims))

    async def _known(self, claims: Claims, before_load: BeforeLoad | None) -> Known:
        load = partial(self._load, claims)
        if self._cache is None:
            if before_load is not None:
                await before_load()
            known = await load()
        else:
            known = await self._cache.get_or_load(
                claims.place, claims.tags, load, lifetime_seconds=_lives_seconds, before_load=before_load
            )
        if known is None:
            raise NotAuthenticated("The session of this token has ended; log in again.", code="SESSION_ENDED")
        return known

    async def _load(self, claims: Claims) -> Known | None:
        presence = await self._presences.get(claims.session_id)
        if presence is None or presence.user_id != claims.user_id:
            return None
        caller = Caller(
            user_id=presence.user_id,
            session_id=presence.session_id,
            personal_team_id=presence.personal_team_id,
            timezone=presence.timezone,
            roles=frozenset(presence.roles),
            team_ids=tuple(presence.team_ids),
        )
        caller_id = str(caller.user_id)
        return Known(caller, caller_id, caller_id, presence.lives_seconds)


def _lives_seconds(known: Known) -> float:
    return known.lives_seconds
