"""Teams and memberships as version 2 shows them."""

from app.api.v2 import team_schemas as wire
from app.domain.teams.team import Membership, Team

TEAM_MEMBERS = tuple(wire.Team.__annotations__)
MEMBER_MEMBERS = tuple(wire.Member.__annotations__)


def team_document(team: Team) -> wire.Team:
    """The whole team, with the links that the caller may follow now."""
    itself = f"/api/v2/teams/{team.id}"
    links: wire.TeamLinks = {
        "self": itself,
        "members": itself + "/members",
        "projects": f"/api/v2/projects?team_id={team.id}",
        "todos": f"/api/v2/todos?team_id={team.id}",
        "tags": f"/api/v2/tags?team_id={team.id}",
    }
    if not team.is_personal:
        links["leave"] = itself + "/leave"
    return {
        "id": team.id,
        "name": team.name,
        "slug": team.slug,
        "is_personal": team.is_personal,
        "role": team.role,  # type: ignore[typeddict-item]  # a check constraint keeps the column to these names
        "version": team.version,
        "created_at": team.created_at,
        "updated_at": team.updated_at,
        "links": links,
    }


def member_document(member: Membership) -> wire.Member:
    """The whole membership."""
    team = f"/api/v2/teams/{member.team_id}"
    return {
        "user_id": member.user_id,
        "name": member.name,
        "email": member.email,
        "role": member.role,  # type: ignore[typeddict-item]  # a check constraint keeps the column to these names
        "joined_at": member.created_at,
        "links": {
            "self": f"{team}/members/{member.user_id}",
            "team": team,
            "assigned": f"/api/v2/todos?team_id={member.team_id}&assignee_id={member.user_id}",
        },
    }
