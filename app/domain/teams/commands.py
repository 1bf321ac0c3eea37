"""What members do to their teams. Every command locks the team first: membership rules never race each other."""

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from app.database.executor import Database, Transaction
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject, differences
from app.domain.errors import Conflict, NotFound, invalid
from app.domain.ids import TeamId, UserId, uuid7
from app.domain.names import checked_name
from app.domain.teams import membership_repository, repository
from app.domain.teams.policy import Role, require_administrator, require_manager, require_owner
from app.domain.teams.team import (
    NAME_MAXIMUM,
    Membership,
    Team,
    TeamChange,
    TeamDraft,
    changed,
    checked_slug,
    require_shared,
    require_version,
    slug_for,
)
from app.domain.text import fold
from app.domain.unit_of_work import repeated, unit_of_work
from app.domain.users.caller import Caller

Versions = frozenset[int] | None


@repeated
async def create(database: Database, caller: Caller, draft: TeamDraft) -> Team:
    """Makes a shared team that the caller owns. Raises Invalid and Conflict (SLUG_TAKEN)."""
    team_id = TeamId(uuid7())
    name = checked_name(draft.name, maximum=NAME_MAXIMUM)
    slug = slug_for(name, team_id) if draft.slug is None else checked_slug(draft.slug)
    async with unit_of_work(database) as work:
        team = await repository.insert_shared(work, caller.user_id, team_id, name=name, slug=slug)
        _record(work, Action.TEAM_CREATED, caller, team, name=(None, name), slug=(None, slug))
        return team


@repeated
async def update(
    database: Database,
    caller: Caller,
    team_id: TeamId,
    change: TeamChange,
    *,
    expected: Versions = None,
) -> Team:
    """Renames a team; its version grows only if something changes. For admins.

    Raises NotFound, NotAllowed, Stale, Invalid and Conflict (SLUG_TAKEN).
    """
    async with unit_of_work(database) as work:
        team = await _locked(work, caller, team_id)
        require_administrator(team.role)
        require_version(team, expected)
        wanted = changed(team, change)
        if wanted == team:
            return team
        _record(work, Action.TEAM_CHANGED, caller, team, **differences(team, wanted, "name", "slug"))
        return await repository.update_team(work, wanted)


@repeated
async def delete(database: Database, caller: Caller, team_id: TeamId, *, expected: Versions = None) -> None:
    """Erases an empty shared team, its trash included. For owners. There is no way back.

    Raises NotFound, NotAllowed, Stale and Conflict (PERSONAL_TEAM; TEAM_NOT_EMPTY while it has live projects or todos).
    """
    async with unit_of_work(database) as work:
        team = await repository.lock_for_deletion(work, caller.user_id, team_id)
        if team is None:
            raise NotFound("team", team_id)
        require_owner(team.role)
        require_version(team, expected)
        require_shared(team)
        if await repository.holds_work(work, team_id):
            detail = "The team still has projects or todos; move them to the trash or to another team first."
            raise Conflict(detail, code="TEAM_NOT_EMPTY")
        await repository.delete_team(work, team_id)
        _record(work, Action.TEAM_DELETED, caller, team, name=(team.name, None), slug=(team.slug, None))


@repeated
async def add_member(database: Database, caller: Caller, team_id: TeamId, *, email: str, role: Role) -> Membership:
    """Takes the account with this address into a shared team. Admins add members and viewers, owners add everybody.

    Raises NotFound, NotAllowed, Invalid (no active account) and Conflict (PERSONAL_TEAM, ALREADY_MEMBER).
    """
    async with unit_of_work(database) as work:
        team = await _locked(work, caller, team_id)
        require_manager(team.role, of=role)
        require_shared(team)
        member = await membership_repository.insert_member(work, team_id, email_key=fold(email), role=role)
        if member is None:
            raise invalid("#/email", "UNKNOWN_ACCOUNT", "email must be the address of an active account.")
        _record_member(work, Action.MEMBER_ADDED, caller, member, role=(None, member.role))
        return member


@repeated
async def change_role(
    database: Database, caller: Caller, team_id: TeamId, member_id: UserId, role: Role | UnsetType
) -> Membership:
    """Gives a member another role (UNSET: the same). Admins may do so among members and viewers, owners with everybody.

    Raises NotFound, NotAllowed and Conflict (LAST_OWNER).
    """
    async with unit_of_work(database) as work:
        team = await _locked(work, caller, team_id)
        member = await _locked_member(work, caller, team_id, member_id)
        require_manager(team.role, of=member.role)
        if role is UNSET or role == member.role:
            return member
        require_manager(team.role, of=role)
        await _require_other_owner(work, member)
        wanted = replace(member, role=role.value)
        await membership_repository.update_role(work, wanted)
        _record_member(work, Action.MEMBER_ROLE_CHANGED, caller, member, role=(member.role, wanted.role))
        return wanted


@repeated
async def remove_member(database: Database, caller: Caller, team_id: TeamId, member_id: UserId) -> None:
    """Ends a membership; what was assigned to the member in this team is nobody's. Everybody may end their own.

    Raises NotFound, NotAllowed and Conflict (LAST_OWNER).
    """
    async with unit_of_work(database) as work:
        team = await _locked(work, caller, team_id)
        member = await _locked_member(work, caller, team_id, member_id)
        if member_id != caller.user_id:
            require_manager(team.role, of=member.role)
        await _require_other_owner(work, member)
        await membership_repository.delete_member(work, member)
        _record_member(work, Action.MEMBER_REMOVED, caller, member, role=(member.role, None))


@repeated
async def leave(database: Database, caller: Caller, team_id: TeamId) -> None:
    """Ends the caller's own membership. Raises NotFound and Conflict (LAST_OWNER)."""
    await remove_member(database, caller, team_id, caller.user_id)


async def _locked(work: Transaction, caller: Caller, team_id: TeamId) -> Team:
    team = await repository.lock(work, caller.user_id, team_id)
    if team is None:
        raise NotFound("team", team_id)
    return team


async def _locked_member(work: Transaction, caller: Caller, team_id: TeamId, member_id: UserId) -> Membership:
    member = await membership_repository.lock(work, caller.user_id, team_id, member_id)
    if member is None:
        raise NotFound("member", member_id)
    return member


def _record(work: Transaction, action: Action, caller: Caller, team: Team, **changed: tuple[object, object]) -> None:
    subject = Subject("team", team.id)
    audit.record(work, action, actor=caller.user_id, subject=subject, team_id=team.id, changed=changed)


def _record_member(
    work: Transaction, action: Action, caller: Caller, member: Membership, **changed: tuple[object, object]
) -> None:
    subject = Subject("user", member.user_id)
    audit.record(work, action, actor=caller.user_id, subject=subject, team_id=member.team_id, changed=changed)


async def _require_other_owner(work: Transaction, member: Membership) -> None:
    """Raises Conflict if `member` is the only owner. Owners come and go only under the team's lock, which is held."""
    is_owner = member.role == Role.OWNER
    if is_owner and not await membership_repository.has_other_owner(work, member.team_id, member.user_id):
        raise Conflict("A team needs an owner, and this is the last one; make another first.", code="LAST_OWNER")
