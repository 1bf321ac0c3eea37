"""Sessions as values: one for each login, and the tokens that it hands out."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from app.domain.ids import SessionId, UserId

USER_AGENT_MAXIMUM = 200


class Lifetimes(Struct, frozen=True):
    """How long a session lives unrefreshed, and at all; how long a used refresh token may still be repeated.

    `fresh` is how long somebody who has proved who they are may do what is sensitive.
    """

    idle: timedelta
    absolute: timedelta
    grace: timedelta
    fresh: timedelta


class Client(Struct, frozen=True):
    """The program and the network address that somebody logs in from."""

    user_agent: str
    address: str


class Session(Struct, frozen=True):
    """A live session as its user sees it. It ends at `idle_expires_at`, which refreshing moves up to `expires_at`.

    `label` is what its user calls it, if they have named it.
    """

    id: SessionId
    label: str | None
    user_agent: str
    address: str
    created_at: datetime
    last_seen_at: datetime
    idle_expires_at: datetime
    expires_at: datetime


class Opened(Struct, frozen=True):
    """A session that was just opened or refreshed, and for how many seconds its newest refresh token is good."""

    id: SessionId
    user_id: UserId
    refresh_expires_in: int


class Tokens(Struct, frozen=True):
    """What a client gets for a login or a refresh, and whose session they are of; lifetimes in seconds."""

    session_id: SessionId
    access_token: str
    expires_in: int
    refresh_token: str
    refresh_expires_in: int


class Ending(StrEnum):
    """Why a session was revoked."""

    LOGOUT = "logout"
    LOGOUT_ALL = "logout_all"
    LOGOUT_OTHERS = "logout_others"
    TOO_MANY = "too_many"
    REVOKED = "revoked"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - as below
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason, not a password
    REFRESH_REUSE = "refresh_reuse"
    DEACTIVATED = "deactivated"
    REVOKED_BY_ADMINISTRATOR = "revoked_by_administrator"
    FACTORS_RESET = "factors_reset"
    DELETION_SCHEDULED = "deletion_scheduled"


def client_from(user_agent: str, address: str) -> Client:
    """A client from what it says of itself: printable characters only, and not too many of them."""
    printable = "".join(character for character in user_agent if character.isprintable())
    return Client(printable[:USER_AGENT_MAXIMUM], address)
