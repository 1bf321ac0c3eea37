"""Projects, alone and with the todos that go where they go: which cached values know of them."""

from datetime import timedelta

import pytest

from app.domain.errors import NotAllowed, NotFound, Stale
from app.domain.projects import commands
from app.domain.projects.cache_tags import of_projects
from app.domain.projects.project import Project, ProjectChanges
from app.domain.teams.policy import Role
from app.domain.todos.cache_tags import of_every_item, of_list
from app.domain.users.caller import Caller
from tests.domain.touching import Case, Stage, Table
from tests.team_factories import make_caller, make_member, make_project, make_team, make_todo


async def owner_and_project(stage: Stage) -> tuple[Caller, Project]:
    owner = await make_caller(stage.database)
    return owner, await make_project(stage.database, owner)


def of_project_with_todos(project: Project) -> set[str]:
    """What changes with a project and an unknown number of todos."""
    return {of_projects(project.team_id), of_list(project.team_id), of_every_item(project.team_id)}


async def let_a_month_pass(stage: Stage, project: Project) -> None:
    """The project went to the trash so long ago that it may go."""
    async with stage.behind.transaction() as work:
        await work._connection.raw.execute(
            "UPDATE projects SET deleted_at = deleted_at - $1::interval WHERE id = $2", timedelta(days=31), project.id
        )


async def creating(stage: Stage) -> set[str]:
    ann = await make_caller(stage.database)
    stage.begin()
    return {of_projects((await make_project(stage.database, ann)).team_id)}


async def creating_as_a_viewer(stage: Stage) -> None:
    ann = await make_caller(stage.database)
    team = await make_team(stage.database, ann)
    bob = await make_member(stage.database, ann, team, Role.VIEWER)
    stage.begin()
    with pytest.raises(NotAllowed):
        await make_project(stage.database, bob, team=team)


async def renaming(stage: Stage) -> set[str]:
    """Its todos do not show the name, except where it is asked for: there it counts as the project's."""
    ann, project = await owner_and_project(stage)
    await make_todo(stage.database, ann, project=project)
    stage.begin()
    await commands.update(stage.database, ann, project.id, ProjectChanges(name="Balcony"))
    return {of_projects(project.team_id)}


async def keeping_the_name(stage: Stage) -> None:
    ann, project = await owner_and_project(stage)
    stage.begin()
    await commands.update(stage.database, ann, project.id, ProjectChanges(name=project.name))


async def acting_on_an_old_version(stage: Stage) -> None:
    ann, project = await owner_and_project(stage)
    stage.begin()
    with pytest.raises(Stale):
        await commands.update(stage.database, ann, project.id, ProjectChanges(name="X"), expected=frozenset({7}))


async def archiving(stage: Stage) -> set[str]:
    ann, project = await owner_and_project(stage)
    stage.begin()
    await commands.archive(stage.database, ann, project.id)
    return {of_projects(project.team_id)}


async def archiving_twice(stage: Stage) -> None:
    ann, project = await owner_and_project(stage)
    await commands.archive(stage.database, ann, project.id)
    stage.begin()
    await commands.archive(stage.database, ann, project.id)


async def unarchiving(stage: Stage) -> set[str]:
    ann, project = await owner_and_project(stage)
    await commands.archive(stage.database, ann, project.id)
    stage.begin()
    await commands.unarchive(stage.database, ann, project.id)
    return {of_projects(project.team_id)}


async def unarchiving_what_is_active(stage: Stage) -> None:
    ann, project = await owner_and_project(stage)
    stage.begin()
    await commands.unarchive(stage.database, ann, project.id)


async def trashing_an_empty_project(stage: Stage) -> set[str]:
    ann, project = await owner_and_project(stage)
    await make_todo(stage.database, ann)
    stage.begin()
    await commands.delete(stage.database, ann, project.id)
    return {of_projects(project.team_id)}


async def trashing_a_project_with_todos(stage: Stage) -> set[str]:
    ann, project = await owner_and_project(stage)
    await make_todo(stage.database, ann, project=project)
    stage.begin()
    await commands.delete(stage.database, ann, project.id)
    return of_project_with_todos(project)


async def trashing_what_is_not_there(stage: Stage) -> None:
    ann, project = await owner_and_project(stage)
    await commands.delete(stage.database, ann, project.id)
    stage.begin()
    with pytest.raises(NotFound):
        await commands.delete(stage.database, ann, project.id)


async def restoring_an_empty_project(stage: Stage) -> set[str]:
    ann, project = await owner_and_project(stage)
    await commands.delete(stage.database, ann, project.id)
    stage.begin()
    await commands.restore(stage.database, ann, project.id)
    return {of_projects(project.team_id)}


async def restoring_a_project_with_todos(stage: Stage) -> set[str]:
    ann, project = await owner_and_project(stage)
    await make_todo(stage.database, ann, project=project)
    await commands.delete(stage.database, ann, project.id)
    stage.begin()
    await commands.restore(stage.database, ann, project.id)
    return of_project_with_todos(project)


async def restoring_what_is_there(stage: Stage) -> None:
    ann, project = await owner_and_project(stage)
    stage.begin()
    with pytest.raises(NotFound):
        await commands.restore(stage.database, ann, project.id)


async def purging_the_trash_of_two_teams(stage: Stage) -> set[str]:
    """Nothing else is old enough. The todo that is still in the trash loses its project."""
    await commands.purge_trash(stage.database)
    expected = set[str]()
    for _ in range(2):
        ann, project = await owner_and_project(stage)
        await make_todo(stage.database, ann, project=project)
        await commands.delete(stage.database, ann, project.id)
        await let_a_month_pass(stage, project)
        expected |= of_project_with_todos(project)
    stage.begin()
    assert await commands.purge_trash(stage.database) == 2
    return expected


async def purging_a_trash_that_is_young(stage: Stage) -> None:
    await commands.purge_trash(stage.database)
    ann, project = await owner_and_project(stage)
    await commands.delete(stage.database, ann, project.id)
    stage.begin()
    assert await commands.purge_trash(stage.database) == 0


PROJECTS = Table(
    modules=(commands,),
    changing=(
        Case(commands.create, creating),
        Case(commands.update, renaming),
        Case(commands.archive, archiving),
        Case(commands.unarchive, unarchiving),
        Case(commands.delete, trashing_an_empty_project),
        Case(commands.delete, trashing_a_project_with_todos),
        Case(commands.restore, restoring_an_empty_project),
        Case(commands.restore, restoring_a_project_with_todos),
        Case(commands.purge_trash, purging_the_trash_of_two_teams),
    ),
    leaving=(
        Case(commands.create, creating_as_a_viewer),
        Case(commands.update, keeping_the_name),
        Case(commands.update, acting_on_an_old_version),
        Case(commands.archive, archiving_twice),
        Case(commands.unarchive, unarchiving_what_is_active),
        Case(commands.delete, trashing_what_is_not_there),
        Case(commands.restore, restoring_what_is_there),
        Case(commands.purge_trash, purging_a_trash_that_is_young),
    ),
)
