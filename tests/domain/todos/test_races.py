"""What holds when two changes meet: no deadlock reaches a caller, and nothing is left in between."""

import asyncio
from collections.abc import Awaitable
from uuid import uuid4

import pytest

from app.database.executor import Database
from app.domain.errors import Conflict, DomainError, Invalid, NotFound
from app.domain.ids import TeamId, TodoId
from app.domain.pages import PageRequest
from app.domain.projects import commands as projects
from app.domain.tags import commands as tags
from app.domain.tags.tag import TagChanges
from app.domain.teams import commands as teams
from app.domain.todos import batch, commands, queries
from app.domain.todos.filter import TodoFilter
from app.domain.todos.todo import TodoChanges, TodoDraft
from app.domain.users.caller import Caller
from tests.locks import waits_for
from tests.team_factories import make_caller, make_member, make_project, make_tag, make_team, make_todo

ROUNDS = 8


async def meet(*changes: Awaitable[object]) -> list[object]:
    """What became of changes that ran at once. Anything but a refusal of the domain is a failure of the test."""
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    refusals = (DomainError, batch.BatchRefused)
    assert [each for each in outcomes if isinstance(each, BaseException) and not isinstance(each, refusals)] == []
    return outcomes


class TestMeetings:
    async def test_retagging_and_renaming_the_tag(self, database: Database) -> None:
        ann = await make_caller(database)
        for n in range(ROUNDS):
            tag = await make_tag(database, ann, f"x{n}")
            todo = await make_todo(database, ann, tags=(f"x{n}",))
            await meet(
                commands.update(database, ann, todo.id, TodoChanges(tags=(f"x{n}", "y"))),
                tags.update(database, ann, tag.id, TagChanges(name=f"z{n}")),
            )

    async def test_duplicating_and_deleting_the_project(self, database: Database) -> None:
        ann = await make_caller(database)
        for _ in range(ROUNDS):
            project = await make_project(database, ann)
            todo = await make_todo(database, ann, project=project)
            await meet(commands.duplicate(database, ann, todo.id), projects.delete(database, ann, project.id))

    async def test_duplicating_a_subtask_and_deleting_its_parent(self, database: Database) -> None:
        ann = await make_caller(database)
        for _ in range(ROUNDS):
            parent = await make_todo(database, ann)
            child = await commands.create(database, ann, TodoDraft(title="child", parent_id=parent.id))
            await meet(commands.duplicate(database, ann, child.id), commands.delete(database, ann, parent.id))

    async def test_two_todos_that_want_to_be_each_others_parent(self, database: Database) -> None:
        ann = await make_caller(database)
        for _ in range(ROUNDS):
            one, two = await make_todo(database, ann), await make_todo(database, ann)
            outcomes = await meet(
                commands.update(database, ann, one.id, TodoChanges(parent_id=two.id)),
                commands.update(database, ann, two.id, TodoChanges(parent_id=one.id)),
            )
            assert sum(isinstance(outcome, Invalid) for outcome in outcomes) == 1

    async def test_restoring_a_todo_and_its_project(self, database: Database) -> None:
        ann = await make_caller(database)
        for _ in range(ROUNDS):
            project = await make_project(database, ann)
            todo = await make_todo(database, ann, project=project)
            await projects.delete(database, ann, project.id)
            await meet(commands.restore(database, ann, todo.id), projects.restore(database, ann, project.id))
            assert (await queries.get(database.reader, ann, todo.id)).deleted_at is None

    async def test_restoring_a_subtask_and_deleting_its_parent(self, database: Database) -> None:
        ann = await make_caller(database)
        for _ in range(ROUNDS):
            parent = await make_todo(database, ann)
            child = await commands.create(database, ann, TodoDraft(title="child", parent_id=parent.id))
            await commands.delete(database, ann, child.id)
            await meet(commands.restore(database, ann, child.id), commands.delete(database, ann, parent.id))
            if (live := await _live(database, ann, child.id)) and live.parent_id:
                assert await _live(database, ann, live.parent_id)

    async def test_batches_that_make_tags_in_opposite_orders(self, database: Database) -> None:
        ann = await make_caller(database)
        for n in range(ROUNDS):
            drafts = [TodoDraft(title="x", tags=(f"a{n}",)), TodoDraft(title="x", tags=(f"b{n}",))]
            await meet(
                batch.run_atomically(database, ann, [batch.Create(draft) for draft in drafts]),
                batch.run_atomically(database, ann, [batch.Create(draft) for draft in reversed(drafts)]),
            )

    async def test_a_batch_in_a_project_and_deleting_the_project(self, database: Database) -> None:
        ann = await make_caller(database)
        for _ in range(ROUNDS):
            project = await make_project(database, ann)
            made = [await make_todo(database, ann, project=project) for _ in range(4)]
            operations: list[batch.Operation] = [batch.Complete(todo.id) for todo in made]
            operations.append(batch.Create(TodoDraft(title="x", project_id=project.id)))
            await meet(batch.run_atomically(database, ann, operations), projects.delete(database, ann, project.id))

    async def test_creating_while_the_team_is_deleted(self, database: Database) -> None:
        ann = await make_caller(database)
        for _ in range(ROUNDS):
            team = await make_team(database, ann)
            drafts = [TodoDraft(title="x", team_id=team.id), TodoDraft(title="x", team_id=team.id, tags=("t",))]
            outcomes = await meet(
                teams.delete(database, ann, team.id), *(commands.create(database, ann, draft) for draft in drafts)
            )
            assert all(isinstance(each, Invalid) for each in outcomes[1:]) or isinstance(outcomes[0], Conflict)


class TestStrangers:
    @pytest.mark.parametrize("parent", ["a todo", "a subtask", "nothing"])
    async def test_a_refusal_tells_nothing_about_another_teams_todos(self, database: Database, parent: str) -> None:
        ann, eve = await make_caller(database), await make_caller(database)
        todo = await make_todo(database, ann)
        subtask = await commands.create(database, ann, TodoDraft(title="x", parent_id=todo.id))
        parent_id = {"a todo": todo.id, "a subtask": subtask.id, "nothing": TodoId(uuid4())}[parent]
        with pytest.raises(Invalid) as refused:
            await commands.create(database, eve, TodoDraft(title="x", team_id=todo.team_id, parent_id=parent_id))
        assert [field.code for field in refused.value.fields] == ["UNKNOWN_TEAM"]
        with pytest.raises(Invalid) as refused:
            await commands.create(database, eve, TodoDraft(title="x", parent_id=parent_id))
        assert [field.code for field in refused.value.fields] == ["UNKNOWN_PARENT"]


class TestRemovedMembers:
    async def test_a_write_that_waited_longer_than_the_membership_lasted_is_not_done(self, database: Database) -> None:
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob = await make_member(database, ann, team)
        todo = await commands.create(database, ann, TodoDraft(title="x", team_id=TeamId(team.id)))
        async with database.transaction() as work:
            await commands.complete_in(work, ann, todo.id)
            writing = asyncio.create_task(commands.update(database, bob, todo.id, TodoChanges(title="too late")))
            await waits_for(work, writing)
            await teams.remove_member(database, ann, team.id, bob.user_id)
        with pytest.raises(NotFound):
            await writing
        assert (await queries.get(database.reader, ann, todo.id)).title == "x"


class TestMoments:
    async def test_what_was_deleted_by_itself_stays_when_its_parent_comes_back(self, database: Database) -> None:
        ann = await make_caller(database)
        parent = await make_todo(database, ann)
        child = await commands.create(database, ann, TodoDraft(title="child", parent_id=parent.id))
        await batch.run_atomically(database, ann, [batch.Delete(child.id), batch.Delete(parent.id)])
        await commands.restore(database, ann, parent.id)
        page = await queries.page(database.reader, queries.trash(ann, TodoFilter()), PageRequest(limit=10))
        assert [todo.id for todo in page.items] == [child.id]

    async def test_a_change_that_waited_is_not_older_than_what_others_saw_meanwhile(self, database: Database) -> None:
        ann = await make_caller(database)
        todo = await make_todo(database, ann)
        async with database.transaction() as work:
            await commands.complete_in(work, ann, todo.id)
            waiting = asyncio.create_task(commands.update(database, ann, todo.id, TodoChanges(title="later")))
            await waits_for(work, waiting)
            seen = await make_todo(database, ann)
        assert (await waiting).updated_at > seen.updated_at


class TestProjectsInTheTrash:
    async def test_a_subtask_goes_with_its_parent_and_comes_back_with_it(self, database: Database) -> None:
        ann = await make_caller(database)
        project = await make_project(database, ann)
        parent = await make_todo(database, ann, project=project)
        child = await commands.create(database, ann, TodoDraft(title="child", parent_id=parent.id))
        assert child.project_id is None
        await projects.delete(database, ann, project.id)
        assert await _live(database, ann, child.id) is None
        await projects.restore(database, ann, project.id)
        assert await _live(database, ann, child.id) is not None


async def _live(database: Database, caller: Caller, todo_id: TodoId):
    try:
        return await queries.get(database.reader, caller, todo_id)
    except NotFound:
        return None
