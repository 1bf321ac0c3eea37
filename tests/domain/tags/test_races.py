"""What holds when a tag changes while a todo is given it."""

import asyncio

import pytest
from msgspec.structs import replace

from app.domain.pages import PageRequest
from app.domain.tags import commands, queries, repository
from app.domain.tags.tag import TagChanges, TagList
from app.domain.todos import commands as todo_commands
from app.domain.todos import queries as todo_queries
from app.domain.todos.todo import TodoDraft
from tests.locks import waits_for
from tests.team_factories import make_caller, make_tag, make_todo


async def names_of(database, caller):
    page = await queries.page(database.reader, TagList(caller.user_id), PageRequest(limit=10))
    return [tag.name for tag in page.items]


class TestTagOfATodoThatIsBeingStored:
    @pytest.mark.parametrize("change", ["rename", "merge", "delete"])
    async def test_the_change_waits_and_reaches_the_todo(self, database, change):
        ann = await make_caller(database)
        tag, other = await make_tag(database, ann, "home"), await make_tag(database, ann, "other")
        changes = {
            "rename": lambda: commands.update(database, ann, tag.id, TagChanges(name="House")),
            "merge": lambda: commands.merge(database, ann, tag.id, into=other.id),
            "delete": lambda: commands.delete(database, ann, tag.id),
        }
        async with database.transaction() as work:
            todo = await todo_commands.create_in(work, ann, TodoDraft(title="x", tags=("home",)))
            changing = asyncio.create_task(changes[change]())
            await waits_for(work, changing)
        await changing
        carried = (await todo_queries.get(database.reader, ann, todo.id)).tags
        assert carried == {"rename": ["House"], "merge": ["other"], "delete": []}[change]


class TestTagThatIsBeingDeleted:
    async def test_a_todo_waits_and_makes_it_again(self, database):
        ann = await make_caller(database)
        tag = await make_tag(database, ann, "home")
        async with database.transaction() as work:
            locked = await repository.lock(work, ann.user_id, tag.id)
            creating = asyncio.create_task(make_todo(database, ann, tags=("HOME",)))
            await waits_for(work, creating)
            await repository.remove_from_todos(work, tag.team_id, tag.name)
            await repository.delete_tag(work, locked[tag.id])
        assert (await creating).tags == ["HOME"]
        assert await names_of(database, ann) == ["HOME"]


class TestTagThatIsBeingRenamed:
    async def test_a_todo_waits_and_makes_a_tag_of_the_old_name(self, database):
        ann = await make_caller(database)
        tag = await make_tag(database, ann, "home")
        async with database.transaction() as work:
            locked = await repository.lock(work, ann.user_id, tag.id)
            wanted = replace(locked[tag.id], name="House", key="house")
            await repository.update_tag(work, wanted)
            creating = asyncio.create_task(make_todo(database, ann, tags=("home",)))
            await waits_for(work, creating)
        assert (await creating).tags == ["home"]
        assert await names_of(database, ann) == ["home", "House"]
