"""Every command on todos, used on todos that others hang on: projects, parents, assignees and tags."""

import asyncio
from datetime import timedelta

from app.domain.todos import batch, commands
from app.domain.todos.creations import Creations
from app.domain.todos.todo import Todo, TodoChanges, TodoDraft
from app.domain.users.caller import Caller
from tests.domain.touching import Case, Stage, commands_of
from tests.team_factories import make_caller, make_member, make_project, make_team, make_todo


async def family(stage: Stage) -> tuple[Caller, Todo, Todo]:
    """Somebody with a todo and its subtask."""
    ann = await make_caller(stage.database)
    parent = await make_todo(stage.database, ann)
    draft = TodoDraft(title="Fill the can", team_id=parent.team_id, parent_id=parent.id)
    return ann, parent, await commands.create(stage.database, ann, draft)


async def let_a_month_pass(stage: Stage, *todos: Todo) -> None:
    """These went to the trash so long ago that they may go."""
    async with stage.behind.transaction() as work:
        move = "UPDATE todos SET deleted_at = deleted_at - $1::interval WHERE id = ANY($2)"
        await work._connection.raw.execute(move, timedelta(days=31), [todo.id for todo in todos])


async def creating(stage: Stage) -> None:
    ann = await make_caller(stage.database)
    team = await make_team(stage.database, ann)
    bob = await make_member(stage.database, ann, team)
    project = await make_project(stage.database, ann, team=team)
    await make_todo(stage.database, ann)
    await make_todo(stage.database, bob, team=team, tags=("garden", "home"), assignee_id=ann.user_id)
    await make_todo(stage.database, ann, project=project, tags=("garden",))


async def updating(stage: Stage) -> None:
    ann, parent, child = await family(stage)
    project = await make_project(stage.database, ann)
    changes = TodoChanges(title="Soak", project_id=project.id, tags=("garden",), assignee_id=ann.user_id)
    await commands.update(stage.database, ann, parent.id, changes)
    await commands.update(stage.database, ann, child.id, TodoChanges(parent_id=None))
    await commands.move(stage.database, ann, child.id, project_id=project.id, position=1.5)


async def finishing(stage: Stage) -> None:
    ann, parent, _ = await family(stage)
    await commands.complete(stage.database, ann, parent.id)
    await commands.reopen(stage.database, ann, parent.id)


async def copying(stage: Stage) -> None:
    ann, _, child = await family(stage)
    await commands.duplicate(stage.database, ann, child.id)


async def trashing_and_restoring(stage: Stage) -> None:
    ann, parent, child = await family(stage)
    await commands.delete(stage.database, ann, parent.id)
    await commands.restore(stage.database, ann, child.id)
    await commands.restore(stage.database, ann, parent.id)


async def restoring_a_family(stage: Stage) -> None:
    ann, parent, _ = await family(stage)
    await commands.delete(stage.database, ann, parent.id)
    await commands.restore(stage.database, ann, parent.id)


async def purging(stage: Stage) -> None:
    ann, parent, child = await family(stage)
    await commands.delete(stage.database, ann, parent.id)
    await let_a_month_pass(stage, parent, child)
    assert await commands.purge_trash(stage.database) == 2


async def purging_a_parent_alone(stage: Stage) -> None:
    """A subtask that went to the trash at another time stays there; a foreign key takes its parent away."""
    ann, parent, child = await family(stage)
    await commands.delete(stage.database, ann, child.id)
    await commands.delete(stage.database, ann, parent.id)
    await let_a_month_pass(stage, parent)
    assert await commands.purge_trash(stage.database) == 1


async def creating_together(stage: Stage) -> None:
    """In one transaction, for two people."""
    callers = [await make_caller(stage.database) for _ in range(2)]
    creations = Creations(stage.database)
    await asyncio.gather(*(creations.create(caller, TodoDraft(title="At once")) for caller in callers))


def operations(todo: Todo) -> list[batch.Operation]:
    """One of each kind."""
    return [
        batch.Create(TodoDraft(title="Feed the cat", tags=("pets",))),
        batch.Update(todo.id, TodoChanges(title="Feed the cats")),
        batch.Complete(todo.id),
        batch.Reopen(todo.id),
        batch.Delete(todo.id),
    ]


async def batching_atomically(stage: Stage) -> None:
    ann, parent, _ = await family(stage)
    await batch.run_atomically(stage.database, ann, operations(parent))


async def batching_each(stage: Stage) -> None:
    ann, parent, _ = await family(stage)
    outcomes = await batch.run_each(stage.database, ann, operations(parent))
    assert all(outcome.error is None for outcome in outcomes)


TODO_COMMANDS = {*commands_of((commands, batch)), Creations.create}
TODO_JOURNEY = (
    Case(commands.create, creating),
    Case(Creations.create, creating_together),
    Case(commands.update, updating),
    Case(commands.move, updating),
    Case(commands.complete, finishing),
    Case(commands.reopen, finishing),
    Case(commands.duplicate, copying),
    Case(commands.delete, trashing_and_restoring),
    Case(commands.restore, trashing_and_restoring),
    Case(commands.restore, restoring_a_family),
    Case(commands.purge_trash, purging),
    Case(commands.purge_trash, purging_a_parent_alone),
    Case(batch.run_atomically, batching_atomically),
    Case(batch.run_each, batching_each),
)
