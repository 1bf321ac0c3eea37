"""What members ask about their teams. What the caller is no member of does not exist for them."""

from dataclasses import replace

from app.database.executor import Reader
from app.domain.errors import DomainError, NotFound, invalid
from app.domain.ids import TeamId, UserId
from app.domain.pages import Page, PageRequest, page_from
from app.domain.teams import membership_repository, repository
from app.domain.teams.policy import Role, role_too_low
from app.domain.teams.team import Membership, Team
from app.domain.users.caller import Caller


async def page(reader: Reader, caller: Caller, request: PageRequest, *, with_total: bool = False) -> Page[Team]:
    """The caller's teams, oldest first. One statement, a second for the total."""
    rows = await repository.page(reader, caller.user_id, request)
    found = page_from(rows, request, lambda team: (team.id, team.id))
    return replace(found, total=await repository.count(reader, caller.user_id)) if with_total else found


async def get(reader: Reader, caller: Caller, team_id: TeamId) -> Team:
    """One team. Raises NotFound."""
    team = await repository.get(reader, caller.user_id, team_id)
    if team is None:
        raise NotFound("team", team_id)
    return team


async def role(reader: Reader, caller: Caller, team_id: TeamId) -> Role:
    """What the caller is in the team. Raises NotFound."""
    found = await repository.role(reader, caller.user_id, team_id)
    if found is None:
        raise NotFound("team", team_id)
    return found


async def members(
    reader: Reader, caller: Caller, team_id: TeamId, request: PageRequest, *, with_total: bool = False
) -> Page[Membership]:
    """Who belongs to the team, oldest account first. Two statements, a third for the total. Raises NotFound."""
    await role(reader, caller, team_id)
    rows = await membership_repository.page(reader, caller.user_id, team_id, request)
    found = page_from(rows, request, lambda member: (member.user_id, member.user_id))
    return replace(found, total=await membership_repository.count(reader, team_id)) if with_total else found


async def member(reader: Reader, caller: Caller, team_id: TeamId, member_id: UserId) -> Membership:
    """One person's place in the team. Raises NotFound for the team or for the member."""
    found = await membership_repository.get(reader, caller.user_id, team_id, member_id)
    if found is None:
        await role(reader, caller, team_id)
        raise NotFound("member", member_id)
    return found


async def refusal_to_write(reader: Reader, caller: Caller, team_id: TeamId) -> DomainError:
    """Why the caller stored nothing in the team that a body named: Invalid for strangers, NotAllowed for viewers."""
    found = await repository.role(reader, caller.user_id, team_id)
    if found is None:
        return invalid("#/team_id", "UNKNOWN_TEAM", "team_id must be one of your teams.")
    return role_too_low(Role.MEMBER, found)
