"""Projects, tags and todos: what the log says when somebody changes what others made or use."""

from typing import Any
from uuid import UUID

from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.projects import commands as projects
from app.domain.projects.project import Project, ProjectChanges, ProjectDraft, Status
from app.domain.tags import commands as tags
from app.domain.tags.tag import TagChanges, TagDraft
from app.domain.todos import batch, commands
from app.domain.todos.todo import Status as TodoStatus
from app.domain.todos.todo import Todo, TodoChanges, TodoDraft
from app.domain.users.caller import Caller
from tests.domain.audit.telling import Act, Expected, Scene, Table, Told
from tests.team_factories import make_project, make_tag, make_todo

WORK = Table(
    unaudited={
        projects.create: "nobody else has it yet",
        tags.create: "nobody else has it yet",
        commands.create: "nobody else has it yet",
        commands.duplicate: "a copy is the caller's own",
    }
)
MONTH_AGO = "UPDATE {} SET deleted_at = deleted_at - interval '31 days' WHERE id = ANY($1)"


def told_of(action: Action, caller: Caller, thing: Any, **changed: Any) -> Told:
    return Told(action, caller, Subject(type(thing).__name__.lower(), thing.id), changed, thing.team_id)


async def anns_project(scene: Scene) -> Project:
    return await make_project(scene.database, scene.ann, team=scene.team)


async def anns_todo(scene: Scene, **values: Any) -> Todo:
    return await make_todo(scene.database, scene.ann, team=scene.team, **values)


async def subtask(scene: Scene, of: Caller, parent: Todo) -> Todo:
    draft = TodoDraft(title="x", team_id=parent.team_id, parent_id=parent.id)
    return await commands.create(scene.database, of, draft)


@WORK.case(projects.update)
async def changing_the_project_of_another(scene: Scene) -> tuple[Act, Expected]:
    project = await anns_project(scene)
    changed = {"name": ["Garden", "Yard"], "description": ["changed", "changed"]}
    told = told_of(Action.PROJECT_CHANGED, scene.bob, project, **changed)
    changes = ProjectChanges(name="Yard", description="canary")
    return scene.call(projects.update, scene.bob, project.id, changes), [told]


@WORK.case(projects.update)
async def changing_ones_own_project(scene: Scene) -> tuple[Act, Expected]:
    project = await anns_project(scene)
    return scene.call(projects.update, scene.ann, project.id, ProjectChanges(name="Yard")), []


@WORK.case(projects.update)
async def changing_nothing_of_a_project(scene: Scene) -> tuple[Act, Expected]:
    project = await anns_project(scene)
    return scene.call(projects.update, scene.bob, project.id, ProjectChanges(name=project.name)), []


@WORK.case(projects.archive)
async def archiving(scene: Scene) -> tuple[Act, Expected]:
    project = await anns_project(scene)
    told = told_of(Action.PROJECT_CHANGED, scene.bob, project, status=["active", "archived"])
    return scene.call(projects.archive, scene.bob, project.id), [told]


@WORK.case(projects.unarchive)
async def unarchiving(scene: Scene) -> tuple[Act, Expected]:
    draft = ProjectDraft(name="Garden", team_id=scene.team.id, status=Status.ARCHIVED)
    project = await projects.create(scene.database, scene.ann, draft)
    told = told_of(Action.PROJECT_CHANGED, scene.bob, project, status=["archived", "active"])
    return scene.call(projects.unarchive, scene.bob, project.id), [told]


@WORK.case(projects.delete)
async def trashing_ones_own_project_in_a_team(scene: Scene) -> tuple[Act, Expected]:
    """What others put into it goes along."""
    project = await anns_project(scene)
    return scene.call(projects.delete, scene.ann, project.id), [told_of(Action.PROJECT_TRASHED, scene.ann, project)]


@WORK.case(projects.delete)
async def trashing_a_project_that_is_ones_own_alone(scene: Scene) -> tuple[Act, Expected]:
    project = await make_project(scene.database, scene.ann)
    return scene.call(projects.delete, scene.ann, project.id), []


@WORK.case(projects.restore)
async def restoring_a_project(scene: Scene) -> tuple[Act, Expected]:
    project = await anns_project(scene)
    await projects.delete(scene.database, scene.ann, project.id)
    return scene.call(projects.restore, scene.bob, project.id), [told_of(Action.PROJECT_RESTORED, scene.bob, project)]


@WORK.case(projects.purge_trash)
async def purging_projects(scene: Scene) -> tuple[Act, Expected]:
    trashed = [await anns_project(scene) for _ in range(2)]
    for project in trashed:
        await projects.delete(scene.database, scene.ann, project.id)
    await projects.purge_trash(scene.database)
    await scene.behind(MONTH_AGO.format("projects"), [project.id for project in trashed])
    return scene.call(projects.purge_trash), [purged(scene.team.id, projects=[2, 0])]


def purged(team_id: UUID, **counts: Any) -> Told:
    return Told(Action.TRASH_PURGED, None, Subject("team", team_id), counts, team_id)


@WORK.case(tags.update)
async def renaming_a_tag_of_a_team(scene: Scene) -> tuple[Act, Expected]:
    tag = await make_tag(scene.database, scene.ann, "home", team=scene.team)
    told = told_of(Action.TAG_CHANGED, scene.ann, tag, name=["home", "house"])
    return scene.call(tags.update, scene.ann, tag.id, TagChanges(name="house")), [told]


@WORK.case(tags.update)
async def renaming_a_tag_of_ones_own(scene: Scene) -> tuple[Act, Expected]:
    tag = await make_tag(scene.database, scene.ann, "home")
    return scene.call(tags.update, scene.ann, tag.id, TagChanges(name="house")), []


@WORK.case(tags.delete)
async def deleting_a_tag(scene: Scene) -> tuple[Act, Expected]:
    tag = await make_tag(scene.database, scene.ann, "home", team=scene.team)
    return scene.call(tags.delete, scene.bob, tag.id), [
        told_of(Action.TAG_DELETED, scene.bob, tag, name=["home", None])
    ]


@WORK.case(tags.merge)
async def merging_tags(scene: Scene) -> tuple[Act, Expected]:
    tag = await make_tag(scene.database, scene.ann, "home", team=scene.team)
    into = await tags.create(scene.database, scene.ann, TagDraft(name="house", team_id=scene.team.id))
    told = told_of(Action.TAG_MERGED, scene.bob, tag, name=["home", "house"], id=[str(tag.id), str(into.id)])
    return scene.call(tags.merge, scene.bob, tag.id, into=into.id), [told]


@WORK.case(commands.update)
async def changing_the_todo_of_another(scene: Scene) -> tuple[Act, Expected]:
    """Words are named and not quoted."""
    todo = await anns_todo(scene)
    named = {name: ["changed", "changed"] for name in ("title", "description", "tags", "external_id")}
    changed = {"status": ["open", "blocked"], "assignee_id": [None, str(scene.bob.user_id)], **named}
    told = told_of(Action.TODO_CHANGED, scene.bob, todo, **changed)
    changes = TodoChanges(
        title="canary",
        description="canary",
        tags=("canary",),
        external_id="canary",
        status=TodoStatus.BLOCKED,
        assignee_id=scene.bob.user_id,
    )
    return scene.call(commands.update, scene.bob, todo.id, changes), [told]


@WORK.case(commands.update)
async def changing_ones_own_todo(scene: Scene) -> tuple[Act, Expected]:
    todo = await anns_todo(scene)
    return scene.call(commands.update, scene.ann, todo.id, TodoChanges(title="y")), []


@WORK.case(commands.update)
async def changing_nothing_of_a_todo(scene: Scene) -> tuple[Act, Expected]:
    todo = await anns_todo(scene)
    return scene.call(commands.update, scene.bob, todo.id, TodoChanges(title=todo.title)), []


@WORK.case(commands.move)
async def moving(scene: Scene) -> tuple[Act, Expected]:
    todo, project = await anns_todo(scene), await anns_project(scene)
    told = told_of(Action.TODO_CHANGED, scene.bob, todo, project_id=[None, str(project.id)])
    return scene.call(commands.move, scene.bob, todo.id, project_id=project.id), [told]


@WORK.case(commands.complete)
async def completing(scene: Scene) -> tuple[Act, Expected]:
    todo = await anns_todo(scene)
    told = told_of(Action.TODO_CHANGED, scene.bob, todo, status=["open", "done"])
    return scene.call(commands.complete, scene.bob, todo.id), [told]


@WORK.case(commands.reopen)
async def reopening(scene: Scene) -> tuple[Act, Expected]:
    todo = await anns_todo(scene)
    await commands.complete(scene.database, scene.ann, todo.id)
    told = told_of(Action.TODO_CHANGED, scene.bob, todo, status=["done", "open"])
    return scene.call(commands.reopen, scene.bob, todo.id), [told]


@WORK.case(commands.delete)
async def trashing_a_todo_with_subtasks(scene: Scene) -> tuple[Act, Expected]:
    """Of what goes along, only what others made is told."""
    todo = await anns_todo(scene)
    theirs = await subtask(scene, scene.ann, todo)
    await subtask(scene, scene.bob, todo)
    told = [told_of(Action.TODO_TRASHED, scene.bob, each) for each in (todo, theirs)]
    return scene.call(commands.delete, scene.bob, todo.id), told


@WORK.case(commands.restore)
async def restoring_a_todo_with_subtasks(scene: Scene) -> tuple[Act, Expected]:
    todo = await anns_todo(scene)
    theirs = await subtask(scene, scene.bob, todo)
    await commands.delete(scene.database, scene.ann, todo.id)
    return scene.call(commands.restore, scene.ann, todo.id), [told_of(Action.TODO_RESTORED, scene.ann, theirs)]


@WORK.case(commands.purge_trash)
async def purging_todos(scene: Scene) -> tuple[Act, Expected]:
    trashed = [await anns_todo(scene) for _ in range(3)]
    for todo in trashed:
        await commands.delete(scene.database, scene.ann, todo.id)
    await commands.purge_trash(scene.database)
    await scene.behind(MONTH_AGO.format("todos"), [todo.id for todo in trashed])
    return scene.call(commands.purge_trash), [purged(scene.team.id, todos=[3, 0])]


async def operations(scene: Scene) -> tuple[list[batch.Operation], list[Told]]:
    first, second, third = [await anns_todo(scene) for _ in range(3)]
    told = [
        told_of(Action.TODO_CHANGED, scene.bob, first, status=["open", "done"]),
        told_of(Action.TODO_CHANGED, scene.bob, second, title=["changed", "changed"]),
        told_of(Action.TODO_TRASHED, scene.bob, third),
    ]
    return [
        batch.Complete(first.id),
        batch.Update(second.id, TodoChanges(title="y")),
        batch.Delete(third.id),
        batch.Create(TodoDraft(title="mine", team_id=scene.team.id)),
    ], told


@WORK.case(batch.run_atomically)
async def many_at_once(scene: Scene) -> tuple[Act, Expected]:
    wanted, told = await operations(scene)
    return scene.call(batch.run_atomically, scene.bob, wanted), told


@WORK.case(batch.run_each)
async def many_one_by_one(scene: Scene) -> tuple[Act, Expected]:
    wanted, told = await operations(scene)
    return scene.call(batch.run_each, scene.bob, wanted), told
