"""Taking somebody out of a team: one that is theirs alone goes with them, any other stays, and has an owner."""

from functools import partial

from msgspec.structs import replace

from app.database.executor import Transaction
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.erasure import content_repository
from app.domain.erasure.under_way import UnderWay
from app.domain.ids import TeamId, UserId
from app.domain.teams import membership_repository
from app.domain.teams import repository as teams_repository
from app.domain.teams.policy import Role
from app.domain.teams.team import Membership
from app.domain.unit_of_work import unit_of_work


async def part_with(erasure: UnderWay, team_id: TeamId) -> None:
    """Ends the membership, and the team if nobody else is in it.

    Does neither if that has changed meanwhile: then the same again does the other.
    """
    if await content_repository.has_others(erasure.database.reader, team_id, erasure.user_id):
        await erasure.repeat(partial(_unassign, erasure.user_id, team_id))
        await _leave(erasure, team_id)
    else:
        await erasure.repeat(partial(_empty, team_id))
        await _delete(erasure, team_id)


async def _unassign(user_id: UserId, team_id: TeamId, work: Transaction, limit: int) -> int:
    return await content_repository.unassign(work, user_id, team_id, limit)


async def _empty(team_id: TeamId, work: Transaction, limit: int) -> int:
    return await content_repository.delete_of_team(work, team_id, limit)


async def _leave(erasure: UnderWay, team_id: TeamId) -> None:
    """Ends the membership. Under the team's lock nobody else leaves, and no owner stops being one."""
    async with unit_of_work(erasure.database) as work:
        if not await erasure.is_mine(work) or not await teams_repository.lock(work, erasure.user_id, team_id):
            return
        member = await membership_repository.lock(work, erasure.user_id, team_id, erasure.user_id)
        if member is None or not await _has_owner_without(work, member):
            return
        await membership_repository.delete_member(work, member)
        subject = Subject("user", member.user_id)
        changed = {"role": (member.role, None)}
        audit.record(work, Action.MEMBER_REMOVED, subject=subject, team_id=team_id, changed=changed)


async def _has_owner_without(work: Transaction, member: Membership) -> bool:
    """Makes somebody the owner if `member` is the only one; False if nobody else is in the team any more."""
    if not await content_repository.has_others(work, member.team_id, member.user_id):
        return False
    if member.role != Role.OWNER or await membership_repository.has_other_owner(work, member.team_id, member.user_id):
        return True
    heir_id = await content_repository.heir(work, member.team_id, member.user_id)
    heir = heir_id and await membership_repository.lock(work, member.user_id, member.team_id, heir_id)
    if not heir:
        return False
    await membership_repository.update_role(work, replace(heir, role=Role.OWNER.value))
    subject = Subject("user", heir.user_id)
    changed = {"role": (heir.role, Role.OWNER.value)}
    audit.record(work, Action.MEMBER_ROLE_CHANGED, subject=subject, team_id=heir.team_id, changed=changed)
    return True


async def _delete(erasure: UnderWay, team_id: TeamId) -> None:
    """Deletes the team, emptied before. The log does not say what it was called: that may be a person's name."""
    async with unit_of_work(erasure.database) as work:
        if not await erasure.is_mine(work):
            return
        team = await teams_repository.lock_for_deletion(work, erasure.user_id, team_id)
        if team is None or await content_repository.has_others(work, team_id, erasure.user_id):
            return
        await teams_repository.delete_team(work, team_id)
        if not team.is_personal:
            audit.record(work, Action.TEAM_DELETED, subject=Subject("team", team_id), team_id=team_id)
