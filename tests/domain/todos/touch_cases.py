"""What creating, changing, completing and reopening todos announces."""

from functools import partial
from uuid import uuid4

from app.domain.ids import TodoId
from app.domain.tags.cache_tags import of_tags
from app.domain.todos import commands
from app.domain.todos.cache_tags import of_item, of_list
from app.domain.todos.todo import Status, TodoChanges, TodoDraft
from tests.domain.todos.touch_table import PLAIN, Act, Scene, row
from tests.team_factories import make_caller, make_project, make_tag, make_team


@row("create")
async def plain(scene: Scene) -> tuple[Act, set[str]]:
    return scene.call(commands.create, PLAIN), {of_list(scene.own)}


@row("create")
async def in_another_team(scene: Scene) -> tuple[Act, set[str]]:
    team = await make_team(scene.database, scene.ann)
    draft = TodoDraft(title="x", team_id=team.id, assignee_id=scene.ann.user_id)
    return scene.call(commands.create, draft), {of_list(team.id)}


@row("create")
async def in_a_project(scene: Scene) -> tuple[Act, set[str]]:
    project = await make_project(scene.database, scene.ann)
    return scene.call(commands.create, TodoDraft(title="x", project_id=project.id)), {of_list(scene.own)}


@row("create")
async def as_a_subtask(scene: Scene) -> tuple[Act, set[str]]:
    parent = await scene.todo()
    return scene.call(commands.create, TodoDraft(title="x", parent_id=parent.id)), {of_list(scene.own)}


@row("create")
async def with_a_new_tag(scene: Scene) -> tuple[Act, set[str]]:
    return scene.call(commands.create, TodoDraft(title="x", tags=("new",))), {of_list(scene.own), of_tags(scene.own)}


@row("create")
async def with_a_tag_that_the_team_has(scene: Scene) -> tuple[Act, set[str]]:
    await make_tag(scene.database, scene.ann, "home")
    return scene.call(commands.create, TodoDraft(title="x", tags=("Home",))), {of_list(scene.own)}


@row("create")
async def refused_without_a_title(scene: Scene) -> tuple[Act, set[str]]:
    return scene.call(commands.create, TodoDraft(title=" ")), set()


@row("create")
async def refused_to_a_stranger(scene: Scene) -> tuple[Act, set[str]]:
    eve = await make_caller(scene.database)
    return partial(commands.create, scene.database, eve, TodoDraft(title="x", team_id=scene.own)), set()


@row("create")
async def refused_to_a_viewer(scene: Scene) -> tuple[Act, set[str]]:
    viewer, team_id = await scene.viewer()
    return partial(commands.create, scene.database, viewer, TodoDraft(title="x", team_id=team_id)), set()


@row("create")
async def refused_to_a_viewer_with_a_new_tag(scene: Scene) -> tuple[Act, set[str]]:
    viewer, team_id = await scene.viewer()
    draft = TodoDraft(title="x", team_id=team_id, tags=("new",))
    return partial(commands.create, scene.database, viewer, draft), set()


@row("create")
async def refused_because_the_external_id_is_taken(scene: Scene) -> tuple[Act, set[str]]:
    await scene.todo(external_id="jira-1")
    return scene.call(commands.create, TodoDraft(title="x", external_id="jira-1")), set()


@row("create")
async def refused_after_its_tag_was_made(scene: Scene) -> tuple[Act, set[str]]:
    return scene.call(commands.create, TodoDraft(title="x", tags=("new",), parent_id=TodoId(uuid4()))), set()


@row("create_in")
async def a_part_of_a_unit_of_work(scene: Scene) -> tuple[Act, set[str]]:
    draft = TodoDraft(title="x", tags=("new",))
    return scene.inside(commands.create_in, draft), {of_list(scene.own), of_tags(scene.own)}


@row("create_in")
async def rolled_back(scene: Scene) -> tuple[Act, set[str]]:
    return scene.inside(commands.create_in, PLAIN, fails=True), set()


@row("update")
async def the_title(scene: Scene) -> tuple[Act, set[str]]:
    todo = await scene.todo()
    act = scene.call(commands.update, todo.id, TodoChanges(title="y"))
    return act, {of_list(scene.own), of_item(todo.id)}


@row("update")
async def to_a_new_tag(scene: Scene) -> tuple[Act, set[str]]:
    todo = await scene.todo()
    act = scene.call(commands.update, todo.id, TodoChanges(tags=("new",)))
    return act, {of_list(scene.own), of_item(todo.id), of_tags(scene.own)}


@row("update")
async def to_what_it_is(scene: Scene) -> tuple[Act, set[str]]:
    todo = await scene.todo(tags=("home",))
    return scene.call(commands.update, todo.id, TodoChanges(title="x", tags=("home",))), set()


@row("update")
async def refused_at_another_version(scene: Scene) -> tuple[Act, set[str]]:
    todo = await scene.todo()
    act = scene.call(commands.update, todo.id, TodoChanges(tags=("new",)), expected=frozenset({9}))
    return act, set()


@row("update_in")
async def a_changed_title(scene: Scene) -> tuple[Act, set[str]]:
    todo = await scene.todo()
    act = scene.inside(commands.update_in, todo.id, TodoChanges(title="y"))
    return act, {of_list(scene.own), of_item(todo.id)}


@row("complete")
async def what_is_open(scene: Scene) -> tuple[Act, set[str]]:
    todo = await scene.todo()
    return scene.call(commands.complete, todo.id), {of_list(scene.own), of_item(todo.id)}


@row("complete")
async def what_is_done(scene: Scene) -> tuple[Act, set[str]]:
    return scene.call(commands.complete, (await scene.done()).id), set()


@row("complete")
async def refused_when_cancelled(scene: Scene) -> tuple[Act, set[str]]:
    return scene.call(commands.complete, (await scene.todo(status=Status.CANCELLED)).id), set()


@row("complete_in")
async def an_open_todo(scene: Scene) -> tuple[Act, set[str]]:
    todo = await scene.todo()
    return scene.inside(commands.complete_in, todo.id), {of_list(scene.own), of_item(todo.id)}


@row("reopen")
async def what_was_done(scene: Scene) -> tuple[Act, set[str]]:
    todo = await scene.done()
    return scene.call(commands.reopen, todo.id), {of_list(scene.own), of_item(todo.id)}


@row("reopen")
async def what_is_open_already(scene: Scene) -> tuple[Act, set[str]]:
    return scene.call(commands.reopen, (await scene.todo()).id), set()


@row("reopen_in")
async def a_done_todo(scene: Scene) -> tuple[Act, set[str]]:
    todo = await scene.done()
    return scene.inside(commands.reopen_in, todo.id), {of_list(scene.own), of_item(todo.id)}
