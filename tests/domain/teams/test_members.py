"""Who belongs to a team, and who decides that."""

import asyncio

import pytest
from msgspec import UNSET

from app.domain.errors import Conflict, Invalid, NotAllowed, NotFound
from app.domain.ids import UserId, uuid7
from app.domain.pages import PageRequest
from app.domain.projects import commands as projects
from app.domain.projects.project import ProjectDraft
from app.domain.teams import commands, queries
from app.domain.teams.policy import Role
from app.domain.todos import queries as todos
from tests.factories import make_user
from tests.team_factories import caller_for, make_caller, make_member, make_team, make_todo


async def role_of(database, caller, team, member):
    return (await queries.member(database.reader, caller, team.id, member.user_id)).role


class TestAddMember:
    async def test_an_account_joins_by_its_address_whatever_its_case(self, database):
        ann = await make_caller(database)
        user = await make_user(database, name="Bob", email=f"Bob.{uuid7().hex}@Example.com")
        team = await make_team(database, ann)
        member = await commands.add_member(database, ann, team.id, email=user.email.upper(), role=Role.VIEWER)
        assert (member.user_id, member.name, member.email, member.role) == (user.id, "Bob", user.email, Role.VIEWER)
        bob = await caller_for(database, user)
        assert (await queries.get(database.reader, bob, team.id)).role == Role.VIEWER

    @pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
    async def test_only_owners_add_owners_and_admins(self, database, role):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        admin = await make_member(database, ann, team, Role.ADMIN)
        user = await make_user(database)
        with pytest.raises(NotAllowed):
            await commands.add_member(database, admin, team.id, email=user.email, role=role)
        assert (await commands.add_member(database, ann, team.id, email=user.email, role=role)).role == role

    async def test_admins_add_members_and_viewers(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        admin = await make_member(database, ann, team, Role.ADMIN)
        for role in (Role.MEMBER, Role.VIEWER):
            assert await role_of(database, ann, team, await make_member(database, admin, team, role)) == role

    @pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
    async def test_lower_roles_may_not(self, database, role):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        caller = await make_member(database, ann, team, role)
        with pytest.raises(NotAllowed):
            await make_member(database, caller, team, Role.VIEWER)

    async def test_strangers_find_nothing(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        with pytest.raises(NotFound):
            await make_member(database, eve, await make_team(database, ann))

    async def test_unknown_and_inactive_accounts_are_refused_alike(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        user = await make_user(database)
        async with database.transaction() as work:
            await work._connection.raw.execute("UPDATE users SET is_active = false WHERE id = $1", user.id)
        for email in (user.email, "nobody@example.com"):
            with pytest.raises(Invalid) as refused:
                await commands.add_member(database, ann, team.id, email=email, role=Role.MEMBER)
            assert refused.value.fields[0].pointer == "#/email"

    async def test_nobody_joins_twice(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        user = await make_user(database)
        adding = [commands.add_member(database, ann, team.id, email=user.email, role=Role.MEMBER) for _ in range(4)]
        results = await asyncio.gather(*adding, return_exceptions=True)
        refusals = [result for result in results if isinstance(result, Conflict)]
        assert [refusal.code for refusal in refusals] == ["ALREADY_MEMBER"] * 3


class TestChangeRole:
    async def test_a_new_role_holds_at_once(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob = await make_member(database, ann, team, Role.VIEWER)
        draft = ProjectDraft(name="Garden", team_id=team.id)
        with pytest.raises(NotAllowed):
            await projects.create(database, bob, draft)
        changed = await commands.change_role(database, ann, team.id, bob.user_id, Role.MEMBER)
        assert changed.role == Role.MEMBER
        await projects.create(database, bob, draft)
        await commands.change_role(database, ann, team.id, bob.user_id, Role.VIEWER)
        with pytest.raises(NotAllowed):
            await projects.create(database, bob, draft)

    async def test_admins_move_members_and_viewers_but_nobody_else(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        admin = await make_member(database, ann, team, Role.ADMIN)
        other = await make_member(database, ann, team, Role.ADMIN)
        bob = await make_member(database, ann, team, Role.MEMBER)
        await commands.change_role(database, admin, team.id, bob.user_id, Role.VIEWER)
        for member, role in ((bob, Role.ADMIN), (bob, Role.OWNER), (other, Role.MEMBER), (ann, Role.VIEWER)):
            with pytest.raises(NotAllowed):
                await commands.change_role(database, admin, team.id, member.user_id, role)
        assert await role_of(database, ann, team, bob) == Role.VIEWER

    @pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
    async def test_lower_roles_may_not_even_change_their_own(self, database, role):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob = await make_member(database, ann, team, role)
        with pytest.raises(NotAllowed):
            await commands.change_role(database, bob, team.id, bob.user_id, Role.VIEWER)

    async def test_a_team_keeps_an_owner(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        with pytest.raises(Conflict) as refused:
            await commands.change_role(database, ann, team.id, ann.user_id, Role.ADMIN)
        assert refused.value.code == "LAST_OWNER"
        await make_member(database, ann, team, Role.OWNER)
        assert (await commands.change_role(database, ann, team.id, ann.user_id, Role.ADMIN)).role == Role.ADMIN

    async def test_the_same_role_and_none_change_nothing(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        for role in (Role.OWNER, UNSET):
            assert (await commands.change_role(database, ann, team.id, ann.user_id, role)).role == Role.OWNER

    async def test_who_is_no_member_is_not_found(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        with pytest.raises(NotFound, match="member"):
            await commands.change_role(database, ann, team.id, eve.user_id, Role.MEMBER)
        with pytest.raises(NotFound, match="team"):
            await commands.change_role(database, eve, team.id, ann.user_id, Role.MEMBER)


class TestRemoveMember:
    async def test_the_team_is_gone_for_them_at_once(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob = await make_member(database, ann, team)
        await commands.remove_member(database, ann, team.id, bob.user_id)
        with pytest.raises(NotFound):
            await queries.get(database.reader, bob, team.id)
        with pytest.raises(NotFound):
            await commands.remove_member(database, ann, team.id, bob.user_id)

    async def test_what_was_assigned_to_them_is_nobodys_in_a_new_version(self, database):
        ann = await make_caller(database)
        team, other_team = await make_team(database, ann), await make_team(database, ann)
        bob = await make_member(database, ann, team)
        bob_user = await queries.member(database.reader, ann, team.id, bob.user_id)
        await commands.add_member(database, ann, other_team.id, email=bob_user.email, role=Role.MEMBER)
        mine = await make_todo(database, ann, team=team, assignee_id=ann.user_id)
        theirs = await make_todo(database, ann, team=team, assignee_id=bob.user_id)
        elsewhere = await make_todo(database, ann, team=other_team, assignee_id=bob.user_id)
        await commands.remove_member(database, ann, team.id, bob.user_id)
        after = await todos.get(database.reader, ann, theirs.id)
        assert (after.assignee_id, after.version) == (None, theirs.version + 1)
        assert after.updated_at > theirs.updated_at
        assert await todos.get(database.reader, ann, mine.id) == mine
        assert await todos.get(database.reader, ann, elsewhere.id) == elsewhere

    async def test_admins_remove_members_and_viewers_but_nobody_else(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        admin, other = [await make_member(database, ann, team, Role.ADMIN) for _ in range(2)]
        for role in (Role.MEMBER, Role.VIEWER):
            member = await make_member(database, ann, team, role)
            await commands.remove_member(database, admin, team.id, member.user_id)
        for member in (other, ann):
            with pytest.raises(NotAllowed):
                await commands.remove_member(database, admin, team.id, member.user_id)

    @pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
    async def test_lower_roles_remove_nobody_but_themselves(self, database, role):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob, viewer = await make_member(database, ann, team, role), await make_member(database, ann, team, Role.VIEWER)
        with pytest.raises(NotAllowed):
            await commands.remove_member(database, bob, team.id, viewer.user_id)
        await commands.remove_member(database, bob, team.id, bob.user_id)

    async def test_owners_remove_each_other_down_to_one(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob = await make_member(database, ann, team, Role.OWNER)
        await commands.remove_member(database, bob, team.id, ann.user_id)
        with pytest.raises(Conflict) as refused:
            await commands.remove_member(database, bob, team.id, bob.user_id)
        assert refused.value.code == "LAST_OWNER"


class TestLeave:
    @pytest.mark.parametrize("role", list(Role))
    async def test_everybody_may_while_an_owner_stays(self, database, role):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob = await make_member(database, ann, team, role)
        await commands.leave(database, bob, team.id)
        with pytest.raises(NotFound):
            await queries.get(database.reader, bob, team.id)

    async def test_the_last_owner_may_not(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        await make_member(database, ann, team, Role.ADMIN)
        with pytest.raises(Conflict) as refused:
            await commands.leave(database, ann, team.id)
        assert refused.value.code == "LAST_OWNER"

    async def test_strangers_find_nothing(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        with pytest.raises(NotFound):
            await commands.leave(database, eve, (await make_team(database, ann)).id)


class TestMembers:
    async def test_every_role_sees_all_members(self, database):
        ann = await make_caller(database, name="Ann")
        team = await make_team(database, ann)
        callers = [ann, *[await make_member(database, ann, team, role) for role in Role]]
        for caller in callers:
            page = await queries.members(database.reader, caller, team.id, PageRequest(limit=10), with_total=True)
            assert [member.user_id for member in page.items] == [caller.user_id for caller in callers]
            assert page.total == 5

    async def test_strangers_find_neither_team_nor_member(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        with pytest.raises(NotFound, match="team"):
            await queries.members(database.reader, eve, team.id, PageRequest(limit=10))
        with pytest.raises(NotFound, match="team"):
            await queries.member(database.reader, eve, team.id, ann.user_id)
        with pytest.raises(NotFound, match="member"):
            await queries.member(database.reader, ann, team.id, UserId(uuid7()))

    async def test_pages_go_forward_and_back_with_two_statements_each(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        members = [(await make_member(database, ann, team)).user_id for _ in range(4)]
        ids = sorted([ann.user_id, *members])  # Those of one millisecond have no order of their own.
        with database.observed() as statements:
            first = await queries.members(database.reader, ann, team.id, PageRequest(limit=2))
        assert statements == ["teams.role", "teams.members"]
        second = await queries.members(database.reader, ann, team.id, PageRequest(limit=2, position=first.next))
        third = await queries.members(database.reader, ann, team.id, PageRequest(limit=2, position=second.next))
        seen = [[member.user_id for member in page.items] for page in (first, second, third)]
        assert seen == [ids[:2], ids[2:4], ids[4:]]
        assert (first.previous, third.next) == (None, None)
        back = await queries.members(database.reader, ann, team.id, PageRequest(limit=2, position=third.previous))
        assert back.items == second.items
