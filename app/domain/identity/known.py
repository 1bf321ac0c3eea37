"""Who a session belongs to, as it is kept between requests: tagged with the session and its user."""

from msgspec import Struct

from app.cache.entries import Kind, Tags
from app.cache.layer import Place
from app.domain.identity.cache_tags import of_session
from app.domain.ids import SessionId, UserId
from app.domain.users.cache_tags import of_user
from app.domain.users.caller import Caller


class Known(Struct, frozen=True):
    """The caller of a live session, their id as text, and for how many seconds the session lived when it was read."""

    caller: Caller
    caller_id: str
    lives_seconds: float


_KIND = Kind("session", Known)


def place_of(session_id: SessionId, user_id: UserId) -> Place[Known]:
    """Where the session's caller is kept.

    Under both names: a token that has another user's finds nothing here, and is then compared with the session.
    """
    return Place(_KIND, f"session:{session_id}:{user_id}", str(session_id))


def tags_of(session_id: SessionId, user_id: UserId) -> Tags:
    """What makes it stale: the end of the session, and whatever changes who the user is and what they see."""
    return (of_session(session_id), of_user(user_id))
