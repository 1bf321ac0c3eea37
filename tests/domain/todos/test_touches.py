"""Which cache tags each command makes stale: exactly those, and none where nothing was written.

A tag that is missing here would be a stale answer there.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from types import ModuleType

import pytest

from app.database.executor import Database
from app.database.touches import Note
from app.domain.errors import DomainError
from app.domain.tags.cache_tags import of_tags
from app.domain.todos import batch, commands
from app.domain.todos.cache_tags import of_item, of_list
from app.domain.todos.creations import Creations
from app.domain.todos.reading import TodoReader
from app.domain.todos.todo import TodoChanges, TodoDraft
from tests.domain.todos import touch_cases
from tests.domain.todos.touch_table import CASES, PLAIN, Act, Case, RolledBackError, Scene, row
from tests.team_factories import make_caller, make_project

READING = {"TodoReader.get"}


@row("move")
async def to_a_project(scene: Scene) -> tuple[Act, set[str]]:
    todo, project = await scene.todo(), await make_project(scene.database, scene.ann)
    return scene.call(commands.move, todo.id, project_id=project.id), {of_list(scene.own), of_item(todo.id)}


@row("move")
async def to_where_it_is(scene: Scene) -> tuple[Act, set[str]]:
    return scene.call(commands.move, (await scene.todo()).id, project_id=None), set()


@row("duplicate")
async def with_tags(scene: Scene) -> tuple[Act, set[str]]:
    todo = await scene.todo(tags=("home",))
    return scene.call(commands.duplicate, todo.id), {of_list(scene.own)}


@row("delete")
async def with_its_subtask(scene: Scene) -> tuple[Act, set[str]]:
    parent, child = await scene.family()
    return scene.call(commands.delete, parent.id), {of_list(scene.own), of_item(parent.id), of_item(child.id)}


@row("delete")
async def whose_subtask_is_in_the_trash_already(scene: Scene) -> tuple[Act, set[str]]:
    parent, child = await scene.family()
    await commands.delete(scene.database, scene.ann, child.id)
    return scene.call(commands.delete, parent.id), {of_list(scene.own), of_item(parent.id)}


@row("delete")
async def refused_at_a_newer_version(scene: Scene) -> tuple[Act, set[str]]:
    return scene.call(commands.delete, (await scene.todo()).id, expected=frozenset({9})), set()


@row("delete_in")
async def one_todo(scene: Scene) -> tuple[Act, set[str]]:
    todo = await scene.todo()
    return scene.inside(commands.delete_in, todo.id), {of_list(scene.own), of_item(todo.id)}


@row("restore")
async def what_went_along(scene: Scene) -> tuple[Act, set[str]]:
    parent, child = await scene.family()
    await commands.delete(scene.database, scene.ann, parent.id)
    return scene.call(commands.restore, parent.id), {of_list(scene.own), of_item(parent.id), of_item(child.id)}


@row("restore")
async def refused_outside_the_trash(scene: Scene) -> tuple[Act, set[str]]:
    return scene.call(commands.restore, (await scene.todo()).id), set()


@row("purge_trash")
async def of_two_teams(scene: Scene) -> tuple[Act, set[str]]:
    await commands.purge_trash(scene.database)
    bob = Scene(scene.database, await make_caller(scene.database))
    for someone in (scene, scene, bob):
        await someone.trashed_long_ago()
    return partial(commands.purge_trash, scene.database), {of_list(scene.own), of_list(bob.own)}


@row("purge_trash")
async def of_nothing(scene: Scene) -> tuple[Act, set[str]]:
    await commands.purge_trash(scene.database)
    return partial(commands.purge_trash, scene.database), set()


@row("run_atomically")
async def many_changes(scene: Scene) -> tuple[Act, set[str]]:
    one, done = await scene.todo(), await scene.done()
    operations = [batch.Create(PLAIN), batch.Update(one.id, TodoChanges(tags=("new",))), batch.Complete(done.id)]
    return scene.call(batch.run_atomically, operations), {of_list(scene.own), of_item(one.id), of_tags(scene.own)}


@row("run_atomically")
async def refused_at_its_end(scene: Scene) -> tuple[Act, set[str]]:
    one = await scene.todo()
    return scene.call(batch.run_atomically, [batch.Complete(one.id), batch.Create(TodoDraft(title=" "))]), set()


@row("run_each")
async def with_one_refused(scene: Scene) -> tuple[Act, set[str]]:
    one, gone = await scene.todo(), await scene.todo()
    eve = Scene(scene.database, await make_caller(scene.database))
    theirs = await eve.todo()
    operations = [batch.Complete(theirs.id), batch.Reopen(one.id), batch.Delete(gone.id)]
    return scene.call(batch.run_each, operations), {of_list(scene.own), of_item(gone.id)}


@row("Creations.create")
async def together_with_one_who_is_refused(scene: Scene) -> tuple[Act, set[str]]:
    bob, (viewer, team_id) = await make_caller(scene.database), await scene.viewer()
    creations = Creations(scene.database)

    async def act() -> None:
        wanted = [(scene.ann, PLAIN), (bob, PLAIN), (viewer, TodoDraft(title="x", team_id=team_id))]
        await asyncio.gather(*(creations.create(*each) for each in wanted), return_exceptions=True)

    # The viewer's team as well: what is touched is said before it is known who is refused.
    return act, {of_list(scene.own), of_list(bob.personal_team_id), of_list(team_id)}


@row("Creations.create")
async def together_with_one_that_breaks_a_rule(scene: Scene) -> tuple[Act, set[str]]:
    eve = await make_caller(scene.database)
    creations = Creations(scene.database)

    async def act() -> None:
        drafts = [PLAIN, TodoDraft(title="x", assignee_id=eve.user_id)]
        outcomes = await asyncio.gather(*(creations.create(scene.ann, each) for each in drafts), return_exceptions=True)
        assert [isinstance(each, DomainError) for each in outcomes] == [False, True]

    return act, {of_list(scene.own)}


@pytest.fixture
async def told(database: Database) -> AsyncIterator[list[str]]:
    """The tags that are announced while the test runs."""
    tags: list[str] = []

    async def announce(note: Note) -> None:
        tags.extend(note.tags)

    database.announce = announce
    yield tags
    database.announce = None
    await forget_notes(database)


async def forget_notes(database: Database) -> None:
    async with database.transaction() as work:
        await work._connection.raw.execute("DELETE FROM cache_touches")


async def noted(database: Database) -> set[str]:
    """The tags that are stored for whoever sweeps."""
    async with database.transaction() as work:
        rows = await work._connection.raw.fetch("SELECT unnest(tags) AS tag FROM cache_touches")
        return {row["tag"] for row in rows}


class TestAnnouncements:
    @pytest.mark.parametrize("case", [pytest.param(case, id=f"{command}-{case.__name__}") for command, case in CASES])
    async def test_exactly_what_became_stale_is_noted_and_announced(
        self, database: Database, told: list[str], case: Case
    ) -> None:
        act, expected = await case(Scene(database, await make_caller(database)))
        await forget_notes(database)
        told.clear()
        with suppress(DomainError, batch.BatchRefused, RolledBackError):
            await act()
        assert set(told) == expected
        assert await noted(database) == expected


class TestTable:
    @pytest.mark.parametrize("module", [commands, batch])
    def test_every_command_has_a_row(self, module: ModuleType) -> None:
        public = {
            name
            for name, _ in inspect.getmembers(module, inspect.iscoroutinefunction)
            if not name.startswith("_") and getattr(module, name).__module__ == module.__name__
        }
        assert len(public) >= 2
        assert public <= {command for command, _ in CASES}

    def test_whatever_creates_together_has_a_row(self) -> None:
        public = {
            f"{owner.__name__}.{name}"
            for owner in (Creations, TodoReader)
            for name, _ in inspect.getmembers(owner, inspect.iscoroutinefunction)
            if not name.startswith("_")
        }
        assert public - READING <= {command for command, _ in CASES}

    def test_the_rows_of_the_other_file_are_played(self) -> None:
        assert ("create", touch_cases.plain) in CASES
