"""What holds when several people decide about the members of a team at once."""

import asyncio

import pytest
from msgspec.structs import replace

from app.domain.errors import Conflict, Invalid, NotAllowed
from app.domain.pages import PageRequest
from app.domain.teams import commands, membership_repository, queries, repository
from app.domain.teams.policy import Role
from app.domain.todos import commands as todo_commands
from app.domain.todos import queries as todos
from app.domain.todos.todo import TodoDraft
from tests.locks import waits_for
from tests.team_factories import make_caller, make_member, make_team, make_todo


class TestConcurrentOwners:
    async def test_all_owners_leaving_at_once_leaves_one(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        owners = [ann, *[await make_member(database, ann, team, Role.OWNER) for _ in range(4)]]
        results = await asyncio.gather(
            *(commands.leave(database, owner, team.id) for owner in owners), return_exceptions=True
        )
        refusals = [result for result in results if result is not None]
        assert [type(refusal) for refusal in refusals] == [Conflict]
        stayed = owners[results.index(refusals[0])]
        members = await queries.members(database.reader, stayed, team.id, PageRequest(limit=10))
        assert [(member.user_id, member.role) for member in members.items] == [(stayed.user_id, Role.OWNER)]

    async def test_who_leaves_while_another_owner_is_leaving_waits_and_is_refused(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob = await make_member(database, ann, team, Role.OWNER)
        async with database.transaction() as work:
            await repository.lock(work, ann.user_id, team.id)
            member = await membership_repository.lock(work, ann.user_id, team.id, ann.user_id)
            assert member is not None
            await membership_repository.delete_member(work, member)
            leaving = asyncio.create_task(commands.leave(database, bob, team.id))
            await waits_for(work, leaving)
        with pytest.raises(Conflict) as refused:
            await leaving
        assert refused.value.code == "LAST_OWNER"

    async def test_who_is_demoted_while_waiting_acts_in_the_new_role(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob, eve = [await make_member(database, ann, team, role) for role in (Role.OWNER, Role.MEMBER)]
        async with database.transaction() as work:
            await repository.lock(work, ann.user_id, team.id)
            member = await membership_repository.lock(work, ann.user_id, team.id, bob.user_id)
            assert member is not None
            await membership_repository.update_role(work, replace(member, role=Role.VIEWER))
            removing = asyncio.create_task(commands.remove_member(database, bob, team.id, eve.user_id))
            await waits_for(work, removing)
        with pytest.raises(NotAllowed):
            await removing


class TestLeavingAssignee:
    async def test_a_todo_assigned_while_its_assignee_leaves_is_released_or_refused(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob, eve = [await make_member(database, ann, team) for _ in range(2)]
        async with database.transaction() as work:
            draft = TodoDraft(title="For Bob", team_id=team.id, assignee_id=bob.user_id)
            todo = await todo_commands.create_in(work, ann, draft)
            leaving = asyncio.create_task(commands.leave(database, bob, team.id))
            await waits_for(work, leaving)
        await leaving
        released = await todos.get(database.reader, ann, todo.id)
        assert (released.assignee_id, released.version) == (None, todo.version + 1)
        async with database.transaction() as work:
            await repository.lock(work, eve.user_id, team.id)
            member = await membership_repository.lock(work, eve.user_id, team.id, eve.user_id)
            assert member is not None
            assigning = asyncio.create_task(make_todo(database, ann, team=team, assignee_id=eve.user_id))
            await waits_for(work, assigning)
            await membership_repository.delete_member(work, member)
        with pytest.raises(Invalid) as refused:
            await assigning
        assert refused.value.fields[0].pointer == "#/assignee_id"
