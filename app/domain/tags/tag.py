"""What a tag is and how it may change. Pure values and rules; no storage."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from app.domain import names
from app.domain.errors import Stale, invalid
from app.domain.ids import TeamId, UserId
from app.domain.pages import Sort
from app.domain.projects.project import DEFAULT_COLOR, checked_color
from app.domain.text import fold
from app.domain.todos.todo import TAG_NAME_MAXIMUM

TagId = NewType("TagId", UUID)

SORTS = ("name",)
BY_NAME = Sort("name")


class Tag(Struct, frozen=True):
    """A tag of a team, and the `role` that the caller has in that team.

    Names with the same `key` are the same tag. `todo_count` says how many live todos carry it, if that was asked.
    """

    team_id: TeamId
    id: TagId
    name: str
    key: str
    color: str
    version: int
    created_at: datetime
    updated_at: datetime
    role: str
    todo_count: int | None = None


class TagDraft(Struct, frozen=True, kw_only=True):
    """A tag that does not exist yet. Without a team it is the caller's own."""

    name: str
    color: str = DEFAULT_COLOR
    team_id: TeamId | None = None


class TagChanges(Struct, frozen=True, kw_only=True):
    """What to change; what is UNSET stays."""

    name: str | UnsetType = UNSET
    color: str | UnsetType = UNSET


@dataclass(frozen=True)
class TagList:
    """One list of tags: whose, of which team (None: of all), in which order."""

    caller_id: UserId
    team_id: TeamId | None = None
    sort: Sort = BY_NAME


def checked(draft: TagDraft) -> TagDraft:
    """`draft` as it is stored. Raises Invalid."""
    return replace(draft, name=checked_name(draft.name), color=checked_color(draft.color))


def changed(tag: Tag, changes: TagChanges) -> Tag:
    """`tag` with `changes` applied; equal to `tag` if they change nothing. Raises Invalid."""
    name = tag.name if changes.name is UNSET else checked_name(changes.name)
    color = tag.color if changes.color is UNSET else checked_color(changes.color)
    return replace(tag, name=name, key=fold(name), color=color)


def checked_name(name: str) -> str:
    """`name` as it is stored. Raises Invalid about #/name unless it is 1-50 characters of one line, none a comma."""
    trimmed = names.checked_name(name, maximum=TAG_NAME_MAXIMUM)
    if "," in trimmed:
        raise invalid("#/name", "COMMA", "name must have no comma: commas separate tags where several are named.")
    return trimmed


def require_version(tag: Tag, expected: frozenset[int] | None) -> None:
    """Raises Stale unless `tag` is at one of the versions that the caller acts on; None stands for any."""
    if expected is not None and tag.version not in expected:
        raise Stale(f"The tag is at version {tag.version} now.")
