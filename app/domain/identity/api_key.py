"""API keys (personal access tokens) as values: what programs show instead of somebody's session, and their rules."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from app.domain import names
from app.domain.errors import invalid
from app.domain.identity.permissions import GRANTABLE, of_roles
from app.domain.ids import ApiKeyId

NAME_MAXIMUM = 100
DAYS_DEFAULT = 90
DAYS_MAXIMUM = 365
# Live ones of one user.
KEYS_MAXIMUM = 50


class ApiKey(Struct, frozen=True):
    """A live key as its user sees it. `last_used_at` is true to a minute or so."""

    id: ApiKeyId
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    last_used_address: str | None


class ApiKeyDraft(Struct, frozen=True):
    """What somebody asks for."""

    name: str
    scopes: list[str]
    lives: timedelta = timedelta(days=DAYS_DEFAULT)


class Issued(Struct, frozen=True):
    """A new key and its text, which is stored nowhere and so is shown this once."""

    api_key: ApiKey
    token: str


class KeyEnding(StrEnum):
    """Why a key was revoked."""

    REVOKED = "revoked"
    ROTATED = "rotated"
    REVOKED_BY_ADMINISTRATOR = "revoked_by_administrator"
    DEACTIVATED = "deactivated"
    DELETION_SCHEDULED = "deletion_scheduled"


def checked_name(name: str) -> str:
    """`name` as it is stored: one line, trimmed, 1-100 characters. Raises Invalid about #/name."""
    return names.checked_name(name, maximum=NAME_MAXIMUM)


def checked_scopes(scopes: list[str]) -> list[str]:
    """`scopes` without repetitions, sorted. Raises Invalid about #/scopes unless there are some, and all can be had."""
    if not scopes:
        raise invalid("#/scopes", "NO_SCOPE", "scopes must name at least one: a key without any can do nothing.")
    if unknown := set(scopes) - GRANTABLE:
        rule = f"scopes holds {len(unknown)} that no key can have; there are: {', '.join(sorted(GRANTABLE))}."
        raise invalid("#/scopes", "UNKNOWN_SCOPE", rule)
    return sorted(set(scopes))


def require_own(scopes: list[str], roles: frozenset[str]) -> None:
    """Raises Invalid about #/scopes if one goes beyond what these roles give: a key would wait for a promotion."""
    if beyond := sorted(set(scopes) - of_roles(roles)):
        rule = f"scopes must be of what you may do yourself, which {', '.join(beyond)} is not."
        raise invalid("#/scopes", "SCOPE_BEYOND_ROLE", rule)
