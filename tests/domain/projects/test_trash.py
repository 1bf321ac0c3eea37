"""Projects on their way into the trash, back out of it, and out of the world."""

import asyncio
from datetime import timedelta

import pytest

from app.domain.errors import Invalid, NotAllowed, NotFound, Stale
from app.domain.pages import PageRequest
from app.domain.projects import commands, queries, trash_repository
from app.domain.projects.filter import LAST_TRASHED_FIRST, ProjectFilter, ProjectList
from app.domain.teams.policy import Role
from app.domain.todos import commands as todo_commands
from app.domain.todos import queries as todo_queries
from app.domain.todos.todo import TodoDraft
from tests.locks import waits_for
from tests.team_factories import make_caller, make_member, make_project, make_team, make_todo


async def trash_of(database, caller):
    trash = ProjectList(caller.user_id, ProjectFilter(trashed=True), LAST_TRASHED_FIRST)
    return (await queries.page(database.reader, trash, PageRequest(limit=10))).items


async def age(database, project, days):
    """Puts the moment at which a project went to the trash into the past."""
    async with database.transaction() as work:
        await work._connection.raw.execute(
            "UPDATE projects SET deleted_at = deleted_at - $1::interval WHERE id = $2", timedelta(days=days), project.id
        )


class TestDelete:
    async def test_takes_the_live_todos_of_the_project_along(self, database):
        ann = await make_caller(database)
        project, other = await make_project(database, ann), await make_project(database, ann)
        inside = [await make_todo(database, ann, project=project) for _ in range(2)]
        outside = [await make_todo(database, ann, project=other), await make_todo(database, ann)]
        await commands.delete(database, ann, project.id)
        with pytest.raises(NotFound):
            await queries.get(database.reader, ann, project.id)
        for todo in inside:
            with pytest.raises(NotFound):
                await todo_queries.get(database.reader, ann, todo.id)
        for todo in outside:
            assert await todo_queries.get(database.reader, ann, todo.id) == todo
        with pytest.raises(NotFound):
            await commands.delete(database, ann, project.id)

    async def test_the_trash_says_until_when(self, database):
        ann = await make_caller(database)
        first, second = await make_project(database, ann), await make_project(database, ann)
        for project in (first, second):
            await commands.delete(database, ann, project.id)
        trash = await trash_of(database, ann)
        assert [project.id for project in trash] == [second.id, first.id]
        assert trash[0].version == second.version + 1
        assert trash[0].purge_at == trash[0].deleted_at + timedelta(days=30)

    async def test_viewers_may_not_and_strangers_find_nothing(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        project = await make_project(database, ann, team=team)
        bob = await make_member(database, ann, team, Role.VIEWER)
        with pytest.raises(NotAllowed):
            await commands.delete(database, bob, project.id)
        with pytest.raises(NotFound):
            await commands.delete(database, eve, project.id)
        await commands.delete(database, ann, project.id)
        assert [trashed.id for trashed in await trash_of(database, bob)] == [project.id]
        assert await trash_of(database, eve) == []

    async def test_acts_only_on_a_version_that_the_caller_knows(self, database):
        ann = await make_caller(database)
        project = await make_project(database, ann)
        with pytest.raises(Stale):
            await commands.delete(database, ann, project.id, expected=frozenset({7}))
        await commands.delete(database, ann, project.id, expected=frozenset({project.version}))

    async def test_a_todo_that_arrives_meanwhile_goes_along(self, database):
        ann = await make_caller(database)
        project = await make_project(database, ann)
        async with database.transaction() as work:
            draft = TodoDraft(title="Last minute", project_id=project.id)
            todo = await todo_commands.create_in(work, ann, draft)
            deleting = asyncio.create_task(commands.delete(database, ann, project.id))
            await waits_for(work, deleting)
        await deleting
        with pytest.raises(NotFound):
            await todo_queries.get(database.reader, ann, todo.id)

    async def test_a_todo_that_comes_too_late_is_refused(self, database):
        ann = await make_caller(database)
        project = await make_project(database, ann)
        async with database.transaction() as work:
            locked = await trash_repository.lock_live(work, ann.user_id, project.id)
            assert locked is not None
            await trash_repository.trash(work, locked)
            creating = asyncio.create_task(make_todo(database, ann, project=project))
            await waits_for(work, creating)
        with pytest.raises(Invalid) as refused:
            await creating
        assert refused.value.fields[0].pointer == "#/project_id"


class TestRestore:
    async def test_brings_back_exactly_the_todos_that_went_along(self, database):
        ann = await make_caller(database)
        project = await make_project(database, ann)
        kept, deleted_before, restored_before = [await make_todo(database, ann, project=project) for _ in range(3)]
        await todo_commands.delete(database, ann, deleted_before.id)
        await commands.delete(database, ann, project.id)
        await todo_commands.restore(database, ann, restored_before.id)
        restored = await commands.restore(database, ann, project.id)
        assert (restored.deleted_at, restored.version) == (None, project.version + 2)
        assert await queries.get(database.reader, ann, project.id) == restored
        after = await todo_queries.get(database.reader, ann, kept.id)
        assert (after.project_id, after.deleted_at, after.version) == (project.id, None, kept.version + 2)
        with pytest.raises(NotFound):
            await todo_queries.get(database.reader, ann, deleted_before.id)
        assert (await todo_queries.get(database.reader, ann, restored_before.id)).project_id is None

    async def test_what_is_not_in_the_trash_is_not_found(self, database):
        ann = await make_caller(database)
        project = await make_project(database, ann)
        with pytest.raises(NotFound, match="in the trash"):
            await commands.restore(database, ann, project.id)

    async def test_viewers_may_not_and_strangers_find_nothing(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        project = await make_project(database, ann, team=team)
        await commands.delete(database, ann, project.id)
        with pytest.raises(NotAllowed):
            await commands.restore(database, await make_member(database, ann, team, Role.VIEWER), project.id)
        with pytest.raises(NotFound):
            await commands.restore(database, eve, project.id)


class TestPurgeTrash:
    async def test_deletes_what_has_been_there_for_thirty_days(self, database):
        ann = await make_caller(database)
        old, recent, live = [await make_project(database, ann) for _ in range(3)]
        for project in (old, recent):
            await commands.delete(database, ann, project.id)
        await age(database, old, days=31)
        await age(database, recent, days=29)
        assert await commands.purge_trash(database) >= 1
        assert [project.id for project in await trash_of(database, ann)] == [recent.id]
        assert await queries.get(database.reader, ann, live.id) == live
        assert await commands.purge_trash(database) == 0

    async def test_works_in_bounded_batches(self, database):
        ann = await make_caller(database)
        await commands.purge_trash(database)
        for _ in range(5):
            project = await make_project(database, ann)
            await commands.delete(database, ann, project.id)
            await age(database, project, days=31)
        async with database.transaction() as work:
            assert len(await trash_repository.purge(work, 2)) == 2
            assert len(await trash_repository.purge(work, 2)) == 2
        assert await commands.purge_trash(database) == 1

    async def test_what_somebody_is_restoring_is_left_alone(self, database):
        ann = await make_caller(database)
        project = await make_project(database, ann)
        await commands.delete(database, ann, project.id)
        await age(database, project, days=31)
        async with database.transaction() as work:
            assert await trash_repository.lock_trashed(work, ann.user_id, project.id) is not None
            assert await commands.purge_trash(database) == 0
        assert await commands.purge_trash(database) == 1

    async def test_a_todo_that_is_still_in_the_trash_loses_its_project(self, database):
        ann = await make_caller(database)
        project = await make_project(database, ann)
        todo = await make_todo(database, ann, project=project)
        await commands.delete(database, ann, project.id)
        await age(database, project, days=31)
        await commands.purge_trash(database)
        assert (await todo_commands.restore(database, ann, todo.id)).project_id is None
