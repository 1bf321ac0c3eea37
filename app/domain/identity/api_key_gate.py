"""Who is calling with an API key. Whether the key still lives is asked at every request, as for a session.

A key says nothing of itself, so whose it is has to be asked once of the database; each process then remembers that,
which nothing can change. Everything else is kept, tagged and confirmed as for a session.
"""

from collections import OrderedDict
from functools import partial

from msgspec import Struct

from app.cache.entries import Tags
from app.cache.layer import Cache, Place
from app.database.batching import Batcher
from app.database.executor import Reader
from app.domain.errors import NotAuthenticated
from app.domain.identity import api_key_repository as repository
from app.domain.identity import api_key_text
from app.domain.identity.api_key_repository import KeyHolder, KeyPresence
from app.domain.identity.known import BeforeLoad, Credential, Known, credential, place_of_api_key, tags_of_api_key
from app.domain.ids import ApiKeyId
from app.domain.users.caller import Caller
from app.rate_limits.budgets import Payer

REMEMBERED_MAXIMUM = 10_000


class _Claims(Struct, frozen=True):
    api_key_id: ApiKeyId
    place: Place[Known]
    tags: Tags
    payer: Payer


class ApiKeyGate:
    """Lets in whoever shows a live API key of an active user, with no more than its scopes. Works without a cache."""

    def __init__(self, reader: Reader, cache: Cache | None = None) -> None:
        self._cache = cache
        self._remembered: OrderedDict[bytes, _Claims] = OrderedDict()

        async def holders(hashes: list[bytes]) -> dict[bytes, KeyHolder]:
            return await repository.holders(reader, hashes)

        async def present(ids: list[ApiKeyId]) -> dict[ApiKeyId, KeyPresence]:
            return await repository.present(reader, ids)

        self._holders = Batcher[bytes, KeyHolder](holders)
        self._presences = Batcher[ApiKeyId, KeyPresence](present)

    async def known(self, key: str) -> Known:
        """Who `key` stands for, with the roles, the teams and the time zone that they have now, and its scopes.

        Raises NotAuthenticated: INVALID_TOKEN for what was never a key, which a wrong checksum tells without asking
        anybody, and API_KEY_ENDED. One round trip to Redis or one statement, and another the first time.
        """
        return await self.read(key).known(None)

    def read(self, key: str) -> Credential:
        """What this process remembers of `key`. Nobody pays where it has not met the key."""
        token_hash = api_key_text.fingerprint(key)
        claims = self._recalled(token_hash)
        known = partial(self._known, key, token_hash, claims)
        if claims is None:
            return Credential(None, None, known)
        held = None if self._cache is None else self._cache.held(claims.place)
        return credential(claims.payer, held, known)

    async def _known(
        self, key: str, token_hash: bytes, claims: _Claims | None, before_load: BeforeLoad | None
    ) -> Known:
        if before_load is not None and (claims is None or self._cache is None):
            await before_load()
        claims = claims or await self._claims(key, token_hash)
        load = partial(self._load, claims)
        if self._cache is None:
            known = await load()
        else:
            known = await self._cache.get_or_load(
                claims.place, claims.tags, load, lifetime_seconds=_lives_seconds, before_load=before_load
            )
        if known is None:
            raise NotAuthenticated("The API key has expired or was revoked; use another.", code="API_KEY_ENDED")
        return known

    def _recalled(self, token_hash: bytes) -> _Claims | None:
        claims = self._remembered.get(token_hash)
        if claims is not None:
            self._remembered.move_to_end(token_hash)
        return claims

    async def _claims(self, key: str, token_hash: bytes) -> _Claims:
        holder = await self._holders.get(token_hash) if api_key_text.is_well_formed(key) else None
        if holder is None:
            raise NotAuthenticated("This is no API key of this service.", code="INVALID_TOKEN")
        place, tags = place_of_api_key(holder.id), tags_of_api_key(holder.id, holder.user_id)
        payer = Payer(str(holder.user_id), str(holder.id))
        claims = self._remembered[token_hash] = _Claims(holder.id, place, tags, payer)
        if len(self._remembered) > REMEMBERED_MAXIMUM:
            self._remembered.popitem(last=False)
        return claims

    async def _load(self, claims: _Claims) -> Known | None:
        presence = await self._presences.get(claims.api_key_id)
        if presence is None:
            return None
        caller = Caller(
            user_id=presence.user_id,
            session_id=None,
            personal_team_id=presence.personal_team_id,
            timezone=presence.timezone,
            roles=frozenset(presence.roles),
            team_ids=tuple(presence.team_ids),
            scopes=frozenset(presence.scopes),
            token_id=presence.api_key_id,
        )
        caller_id = str(caller.user_id)
        return Known(caller, caller_id, f"{caller_id} key {caller.token_id}", presence.lives_seconds)


def _lives_seconds(known: Known) -> float:
    return known.lives_seconds
