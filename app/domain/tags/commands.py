"""What can be done to tags. What changes a name changes it in the team's todos, in the same unit of work."""

from app.database.executor import Database, Transaction
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Changes, Subject, differences
from app.domain.errors import NotFound, invalid
from app.domain.tags import repository
from app.domain.tags.tag import Tag, TagChanges, TagDraft, TagId, changed, checked, require_version
from app.domain.teams import queries as teams
from app.domain.teams.policy import require_writer
from app.domain.unit_of_work import repeated, unit_of_work
from app.domain.users.caller import Caller

Versions = frozenset[int] | None


@repeated
async def create(database: Database, caller: Caller, draft: TagDraft) -> Tag:
    """Stores a new tag, in the caller's personal team unless the draft names another, and returns it.

    Raises Invalid (also for a team that the caller is not in), NotAllowed (for a viewer) and Conflict (TAG_EXISTS).
    """
    draft = checked(draft)
    team_id = draft.team_id or caller.personal_team_id
    async with unit_of_work(database) as work:
        tag = await repository.insert_tag(work, caller.user_id, team_id, draft)
        if tag is None:
            raise await teams.refusal_to_write(work, caller, team_id)
        return tag


@repeated
async def update(
    database: Database, caller: Caller, tag_id: TagId, changes: TagChanges, *, expected: Versions = None
) -> Tag:
    """Applies `changes` and returns the tag; its version rises only if something really changed.

    A new name replaces the old one in every todo of the team. `expected` are the versions that the caller knows; any
    other raises Stale. Raises NotFound, NotAllowed, Invalid and Conflict (TAG_EXISTS).
    """
    async with unit_of_work(database) as work:
        tag = await _locked(work, caller, tag_id, expected)
        wanted = changed(tag, changes)
        if wanted == tag:
            return tag
        updated = await repository.update_tag(work, wanted)
        if updated.name != tag.name:
            await repository.replace_in_todos(work, tag.team_id, old=tag.name, new=updated.name)
        _record(work, Action.TAG_CHANGED, caller, tag, differences(tag, updated, "name", "color"))
        return updated


@repeated
async def delete(database: Database, caller: Caller, tag_id: TagId, *, expected: Versions = None) -> None:
    """Deletes a tag and takes it off every todo of the team. There is no way back.

    Raises NotFound, NotAllowed, Stale.
    """
    async with unit_of_work(database) as work:
        tag = await _locked(work, caller, tag_id, expected)
        await repository.remove_from_todos(work, tag.team_id, tag.name)
        await repository.delete_tag(work, tag)
        _record(work, Action.TAG_DELETED, caller, tag, {"name": (tag.name, None)})


@repeated
async def merge(database: Database, caller: Caller, tag_id: TagId, *, into: TagId, expected: Versions = None) -> Tag:
    """Gives every todo with the tag the tag `into` instead, deletes the tag, and returns the other, unchanged.

    Raises NotFound, NotAllowed, Stale, and Invalid about #/into unless that is another tag of the same team.
    """
    async with unit_of_work(database) as work:
        locked = await repository.lock(work, caller.user_id, tag_id, into)
        tag = _writable(locked, tag_id, expected)
        target = locked.get(into)
        if target is None or target.team_id != tag.team_id or target.id == tag.id:
            raise invalid("#/into", "UNKNOWN_TAG", "into must be another tag of the same team.")
        await repository.replace_in_todos(work, tag.team_id, old=tag.name, new=target.name)
        await repository.delete_tag(work, tag)
        _record(work, Action.TAG_MERGED, caller, tag, {"name": (tag.name, target.name), "id": (tag.id, target.id)})
        return target


def _record(work: Transaction, action: Action, caller: Caller, tag: Tag, told: Changes) -> None:
    """A tag of a shared team is on the todos of others, too."""
    if tag.team_id != caller.personal_team_id:
        subject = Subject("tag", tag.id)
        audit.record(work, action, actor=caller.user_id, subject=subject, team_id=tag.team_id, changed=told)


async def _locked(work: Transaction, caller: Caller, tag_id: TagId, expected: Versions) -> Tag:
    return _writable(await repository.lock(work, caller.user_id, tag_id), tag_id, expected)


def _writable(locked: dict[TagId, Tag], tag_id: TagId, expected: Versions) -> Tag:
    """The tag among the locked ones, if the caller may change it and knows its version."""
    tag = locked.get(tag_id)
    if tag is None:
        raise NotFound("tag", tag_id)
    require_writer(tag.role)
    require_version(tag, expected)
    return tag
