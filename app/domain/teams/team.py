"""Teams and memberships as values, and the rules of their names."""

import re
import unicodedata
from datetime import datetime
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from app.domain.errors import Conflict, Stale, invalid
from app.domain.ids import TeamId, UserId
from app.domain.names import checked_name

NAME_MAXIMUM = 100
SLUG_MAXIMUM = 63
SLUG = "^[a-z0-9]+(-[a-z0-9]+)*$"

_SLUG = re.compile(SLUG)
_NOT_IN_SLUGS = re.compile("[^a-z0-9]+")
_SPOKEN_PART_MAXIMUM = 40


class Team(Struct, frozen=True):
    """A team as one of its members sees it; `role` is that member's."""

    id: TeamId
    name: str
    slug: str
    is_personal: bool
    version: int
    created_at: datetime
    updated_at: datetime
    role: str


class Membership(Struct, frozen=True):
    """One person's place in a team."""

    team_id: TeamId
    user_id: UserId
    name: str
    email: str
    created_at: datetime
    role: str


class TeamDraft(Struct, frozen=True):
    """What a new shared team is made of. Without a slug, one is made from the name."""

    name: str
    slug: str | None = None


class TeamChange(Struct, frozen=True):
    """What to change in a team; what is UNSET stays."""

    name: str | UnsetType = UNSET
    slug: str | UnsetType = UNSET


def changed(team: Team, change: TeamChange) -> Team:
    """`team` with `change` applied; equal to `team` if that changes nothing. Raises Invalid."""
    name = team.name if change.name is UNSET else checked_name(change.name, maximum=NAME_MAXIMUM)
    slug = team.slug if change.slug is UNSET else checked_slug(change.slug)
    return replace(team, name=name, slug=slug)


def require_version(team: Team, expected: frozenset[int] | None) -> None:
    """Raises Stale unless `team` is at one of the versions that the caller acts on; None stands for any."""
    if expected is not None and team.version not in expected:
        raise Stale(f"The team is at version {team.version} now.")


def require_shared(team: Team) -> None:
    """Raises Conflict (PERSONAL_TEAM) for a team that belongs to one person."""
    if team.is_personal:
        raise Conflict("A personal team has one member and lives as long as the account.", code="PERSONAL_TEAM")


def checked_slug(slug: str) -> str:
    """`slug` itself. Raises Invalid about #/slug unless it is 1-63 of a-z, 0-9 and single hyphens between them."""
    if len(slug) > SLUG_MAXIMUM or not _SLUG.fullmatch(slug):
        rule = f"slug must have 1 to {SLUG_MAXIMUM} characters: a to z, 0 to 9, and single hyphens between them."
        raise invalid("#/slug", "SLUG_FORMAT", rule)
    return slug


def slug_for(name: str, team_id: UUID) -> str:
    """A slug that says the name, as far as ASCII can, and ends in 48 random bits of the id: nobody else has it."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    spoken = _NOT_IN_SLUGS.sub("-", ascii_name)[:_SPOKEN_PART_MAXIMUM].strip("-")
    return f"{spoken or 'team'}-{team_id.hex[-12:]}"
