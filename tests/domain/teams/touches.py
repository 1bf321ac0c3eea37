"""Teams and memberships: which cached values know of them."""

import pytest

from app.domain.errors import Conflict, Invalid, NotAllowed, NotFound
from app.domain.ids import TeamId, UserId, uuid7
from app.domain.projects import commands as projects
from app.domain.projects.cache_tags import of_projects
from app.domain.tags.cache_tags import of_tags
from app.domain.teams import commands
from app.domain.teams.cache_tags import of_team
from app.domain.teams.policy import Role
from app.domain.teams.team import Team, TeamChange, TeamDraft
from app.domain.todos.cache_tags import of_every_item, of_list
from app.domain.users.cache_tags import of_user
from app.domain.users.caller import Caller
from tests.domain.touching import Case, Stage, Table
from tests.factories import make_user
from tests.team_factories import make_caller, make_member, make_project, make_team, make_todo


async def owner_and_team(stage: Stage) -> tuple[Caller, Team]:
    owner = await make_caller(stage.database)
    return owner, await make_team(stage.database, owner)


def of_membership(team_id: TeamId, user_id: UserId) -> set[str]:
    """What changes with one membership: the team as its members see it, and the world as the member sees it."""
    return {of_team(team_id), of_user(user_id)}


def of_todos(team_id: TeamId) -> set[str]:
    """What changes with an unknown number of todos."""
    return {of_list(team_id), of_every_item(team_id)}


async def founding(stage: Stage) -> set[str]:
    ann = await make_caller(stage.database)
    stage.begin()
    team = await make_team(stage.database, ann)
    return of_membership(team.id, ann.user_id)


async def founding_under_a_taken_slug(stage: Stage) -> None:
    ann, team = await owner_and_team(stage)
    stage.begin()
    with pytest.raises(Conflict):
        await commands.create(stage.database, ann, TeamDraft(name="Other", slug=team.slug))


async def renaming(stage: Stage) -> set[str]:
    ann, team = await owner_and_team(stage)
    stage.begin()
    await commands.update(stage.database, ann, team.id, TeamChange(name="Garden club"))
    return {of_team(team.id)}


async def keeping_the_name(stage: Stage) -> None:
    ann, team = await owner_and_team(stage)
    stage.begin()
    await commands.update(stage.database, ann, team.id, TeamChange(name=team.name))


async def renaming_as_a_member(stage: Stage) -> None:
    ann, team = await owner_and_team(stage)
    bob = await make_member(stage.database, ann, team)
    stage.begin()
    with pytest.raises(NotAllowed):
        await commands.update(stage.database, bob, team.id, TeamChange(name="Bob's"))


async def renaming_to_a_taken_slug(stage: Stage) -> None:
    (ann, team), (_, other) = await owner_and_team(stage), await owner_and_team(stage)
    stage.begin()
    with pytest.raises(Conflict):
        await commands.update(stage.database, ann, team.id, TeamChange(slug=other.slug))


async def erasing(stage: Stage) -> set[str]:
    """Everything of the team goes with it, and everybody in it sees one team less."""
    ann, team = await owner_and_team(stage)
    bob = await make_member(stage.database, ann, team, Role.VIEWER)
    project = await make_project(stage.database, ann, team=team)
    await make_todo(stage.database, ann, project=project, tags=("garden",))
    await projects.delete(stage.database, ann, project.id)
    stage.begin()
    await commands.delete(stage.database, ann, team.id)
    members = of_membership(team.id, ann.user_id) | of_membership(team.id, bob.user_id)
    return members | {of_projects(team.id), of_tags(team.id)} | of_todos(team.id)


async def erasing_what_is_in_use(stage: Stage) -> None:
    ann, team = await owner_and_team(stage)
    await make_todo(stage.database, ann, team=team)
    stage.begin()
    with pytest.raises(Conflict):
        await commands.delete(stage.database, ann, team.id)


async def erasing_ones_own_team(stage: Stage) -> None:
    ann = await make_caller(stage.database)
    stage.begin()
    with pytest.raises(Conflict):
        await commands.delete(stage.database, ann, ann.personal_team_id)


async def adding_a_member(stage: Stage) -> set[str]:
    ann, team = await owner_and_team(stage)
    bob = await make_user(stage.database)
    stage.begin()
    await commands.add_member(stage.database, ann, team.id, email=bob.email, role=Role.MEMBER)
    return of_membership(team.id, bob.id)


async def adding_a_member_twice(stage: Stage) -> None:
    ann, team = await owner_and_team(stage)
    bob = await make_user(stage.database)
    await commands.add_member(stage.database, ann, team.id, email=bob.email, role=Role.MEMBER)
    stage.begin()
    with pytest.raises(Conflict):
        await commands.add_member(stage.database, ann, team.id, email=bob.email, role=Role.VIEWER)


async def adding_nobody(stage: Stage) -> None:
    ann, team = await owner_and_team(stage)
    stage.begin()
    with pytest.raises(Invalid):
        await commands.add_member(stage.database, ann, team.id, email="nobody@example.com", role=Role.MEMBER)


async def changing_a_role(stage: Stage) -> set[str]:
    ann, team = await owner_and_team(stage)
    bob = await make_member(stage.database, ann, team)
    stage.begin()
    await commands.change_role(stage.database, ann, team.id, bob.user_id, Role.VIEWER)
    return of_membership(team.id, bob.user_id)


async def giving_the_role_that_somebody_has(stage: Stage) -> None:
    ann, team = await owner_and_team(stage)
    bob = await make_member(stage.database, ann, team, Role.VIEWER)
    stage.begin()
    await commands.change_role(stage.database, ann, team.id, bob.user_id, Role.VIEWER)


async def demoting_the_last_owner(stage: Stage) -> None:
    ann, team = await owner_and_team(stage)
    stage.begin()
    with pytest.raises(Conflict):
        await commands.change_role(stage.database, ann, team.id, ann.user_id, Role.ADMIN)


async def removing_who_had_nothing_to_do(stage: Stage) -> set[str]:
    ann, team = await owner_and_team(stage)
    bob = await make_member(stage.database, ann, team)
    await make_todo(stage.database, ann, team=team, assignee_id=ann.user_id)
    stage.begin()
    await commands.remove_member(stage.database, ann, team.id, bob.user_id)
    return of_membership(team.id, bob.user_id)


async def removing_who_had_something_to_do(stage: Stage) -> set[str]:
    """What was theirs is nobody's, in every list and by itself."""
    ann, team = await owner_and_team(stage)
    bob = await make_member(stage.database, ann, team)
    await make_todo(stage.database, ann, team=team, assignee_id=bob.user_id)
    stage.begin()
    await commands.remove_member(stage.database, ann, team.id, bob.user_id)
    return of_membership(team.id, bob.user_id) | of_todos(team.id)


async def removing_an_owner_as_a_member(stage: Stage) -> None:
    ann, team = await owner_and_team(stage)
    bob = await make_member(stage.database, ann, team)
    stage.begin()
    with pytest.raises(NotAllowed):
        await commands.remove_member(stage.database, bob, team.id, ann.user_id)


async def leaving(stage: Stage) -> set[str]:
    ann, team = await owner_and_team(stage)
    bob = await make_member(stage.database, ann, team)
    await make_todo(stage.database, bob, team=team, assignee_id=bob.user_id)
    stage.begin()
    await commands.leave(stage.database, bob, team.id)
    return of_membership(team.id, bob.user_id) | of_todos(team.id)


async def leaving_as_the_last_owner(stage: Stage) -> None:
    ann, team = await owner_and_team(stage)
    await make_todo(stage.database, ann, team=team, assignee_id=ann.user_id)
    stage.begin()
    with pytest.raises(Conflict):
        await commands.leave(stage.database, ann, team.id)


async def leaving_what_does_not_exist(stage: Stage) -> None:
    ann = await make_caller(stage.database)
    stage.begin()
    with pytest.raises(NotFound):
        await commands.leave(stage.database, ann, TeamId(uuid7()))


TEAMS = Table(
    modules=(commands,),
    changing=(
        Case(commands.create, founding),
        Case(commands.update, renaming),
        Case(commands.delete, erasing),
        Case(commands.add_member, adding_a_member),
        Case(commands.change_role, changing_a_role),
        Case(commands.remove_member, removing_who_had_nothing_to_do),
        Case(commands.remove_member, removing_who_had_something_to_do),
        Case(commands.leave, leaving),
    ),
    leaving=(
        Case(commands.create, founding_under_a_taken_slug),
        Case(commands.update, keeping_the_name),
        Case(commands.update, renaming_as_a_member),
        Case(commands.update, renaming_to_a_taken_slug),
        Case(commands.delete, erasing_what_is_in_use),
        Case(commands.delete, erasing_ones_own_team),
        Case(commands.add_member, adding_a_member_twice),
        Case(commands.add_member, adding_nobody),
        Case(commands.change_role, giving_the_role_that_somebody_has),
        Case(commands.change_role, demoting_the_last_owner),
        Case(commands.remove_member, removing_an_owner_as_a_member),
        Case(commands.leave, leaving_as_the_last_owner),
        Case(commands.leave, leaving_what_does_not_exist),
    ),
)
