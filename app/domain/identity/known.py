"""Who a session or an API key belongs to, as it is kept between requests: tagged with that and with its user."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from msgspec import Struct

from app.cache.entries import Entry, Kind, Tags
from app.cache.layer import Place
from app.domain.identity.cache_tags import of_api_key, of_session
from app.domain.ids import ApiKeyId, SessionId, UserId
from app.domain.users.cache_tags import of_user
from app.domain.users.caller import Caller
from app.rate_limits.budgets import Payer


class Known(Struct, frozen=True):
    """The caller of a live session or API key, and for how many seconds that lived when it was read.

    Kept answers are those of `answers_of`: all sessions of a user share them, and no API key shares any.
    """

    caller: Caller
    caller_id: str
    answers_of: str
    lives_seconds: float

    @property
    def payer(self) -> Payer:
        """Who pays for the requests of this caller."""
        token_id = self.caller.token_id
        return Payer(self.caller_id, None if token_id is None else str(token_id))


BeforeLoad = Callable[[], Awaitable[None]]


class Credential(NamedTuple):
    """What one token says, unconfirmed. It lets nobody in: `known` asks whether it still holds."""

    # Who pays for the request.
    payer: Payer | None
    # What this process knows of the caller. Not to be believed before its tags' versions are compared.
    held: Entry[Known | None] | None
    # Who it stands for. What it is given is awaited before a statement, and may refuse it.
    known: Callable[[BeforeLoad | None], Awaitable[Known]]


def credential(
    named: Payer, held: Entry[Known | None] | None, known: Callable[[BeforeLoad | None], Awaitable[Known]]
) -> Credential:
    """What a token says that names who pays.

    Nobody pays where this process has heard the end of it: else whoever holds a token that was taken from its user
    could use up that user's limits until it expires.
    """
    return Credential(None if held is not None and held.value is None else named, held, known)


_KIND = Kind("session", Known)
_KEY_KIND = Kind("api_key", Known)


def place_of(session_id: SessionId, user_id: UserId) -> Place[Known]:
    """Where the session's caller is kept.

    Under both names: a token that has another user's finds nothing here, and is then compared with the session.
    """
    return Place(_KIND, f"session:{session_id}:{user_id}", str(session_id))


def tags_of(session_id: SessionId, user_id: UserId) -> Tags:
    """What makes it stale: the end of the session, and whatever changes who the user is and what they see."""
    return (of_session(session_id), of_user(user_id))


def place_of_api_key(api_key_id: ApiKeyId) -> Place[Known]:
    """Where the API key's caller is kept."""
    return Place(_KEY_KIND, f"api_key:{api_key_id}", str(api_key_id))


def tags_of_api_key(api_key_id: ApiKeyId, user_id: UserId) -> Tags:
    """What makes it stale: the end of the key, and whatever changes who the user is and what they see."""
    return (of_api_key(api_key_id), of_user(user_id))
