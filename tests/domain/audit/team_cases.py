"""Teams and memberships: what the log says of them."""

from typing import Any

from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.teams import commands
from app.domain.teams.policy import Role
from app.domain.teams.team import Team, TeamChange, TeamDraft
from app.domain.users.caller import Caller
from tests.domain.audit.telling import Act, Expected, Scene, Table, Told
from tests.factories import make_user
from tests.team_factories import make_team

TEAMS = Table(unaudited={})


def told_of_team(action: Action, caller: Caller, team: Team, **changed: Any) -> Told:
    return Told(action, caller, Subject("team", team.id), changed, team.id)


def told_of_member(action: Action, caller: Caller, scene: Scene, member_id: Any, **changed: Any) -> Told:
    return Told(action, caller, Subject("user", member_id), changed, scene.team.id)


@TEAMS.case(commands.create)
async def founding(scene: Scene) -> tuple[Act, Expected]:
    def told(team: Team) -> list[Told]:
        return [told_of_team(Action.TEAM_CREATED, scene.ann, team, name=[None, "Choir"], slug=[None, team.slug])]

    return scene.call(commands.create, scene.ann, TeamDraft(name="Choir")), told


@TEAMS.case(commands.update)
async def renaming(scene: Scene) -> tuple[Act, Expected]:
    told = told_of_team(Action.TEAM_CHANGED, scene.ann, scene.team, name=[scene.team.name, "Choir"])
    return scene.call(commands.update, scene.ann, scene.team.id, TeamChange(name="Choir")), [told]


@TEAMS.case(commands.update)
async def keeping_the_name(scene: Scene) -> tuple[Act, Expected]:
    return scene.call(commands.update, scene.ann, scene.team.id, TeamChange(name=scene.team.name)), []


@TEAMS.case(commands.delete)
async def erasing(scene: Scene) -> tuple[Act, Expected]:
    team = await make_team(scene.database, scene.ann)
    told = told_of_team(Action.TEAM_DELETED, scene.ann, team, name=[team.name, None], slug=[team.slug, None])
    return scene.call(commands.delete, scene.ann, team.id), [told]


@TEAMS.case(commands.add_member)
async def adding_a_member(scene: Scene) -> tuple[Act, Expected]:
    user = await make_user(scene.database)
    told = told_of_member(Action.MEMBER_ADDED, scene.ann, scene, user.id, role=[None, "viewer"])
    return scene.call(commands.add_member, scene.ann, scene.team.id, email=user.email, role=Role.VIEWER), [told]


@TEAMS.case(commands.change_role)
async def changing_a_role(scene: Scene) -> tuple[Act, Expected]:
    told = told_of_member(Action.MEMBER_ROLE_CHANGED, scene.ann, scene, scene.bob.user_id, role=["member", "admin"])
    return scene.call(commands.change_role, scene.ann, scene.team.id, scene.bob.user_id, Role.ADMIN), [told]


@TEAMS.case(commands.change_role)
async def keeping_a_role(scene: Scene) -> tuple[Act, Expected]:
    return scene.call(commands.change_role, scene.ann, scene.team.id, scene.bob.user_id, Role.MEMBER), []


@TEAMS.case(commands.remove_member)
async def removing_a_member(scene: Scene) -> tuple[Act, Expected]:
    told = told_of_member(Action.MEMBER_REMOVED, scene.ann, scene, scene.bob.user_id, role=["member", None])
    return scene.call(commands.remove_member, scene.ann, scene.team.id, scene.bob.user_id), [told]


@TEAMS.case(commands.leave)
async def leaving(scene: Scene) -> tuple[Act, Expected]:
    told = told_of_member(Action.MEMBER_REMOVED, scene.bob, scene, scene.bob.user_id, role=["member", None])
    return scene.call(commands.leave, scene.bob, scene.team.id), [told]
