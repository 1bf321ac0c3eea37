"""What can be done to teams, by whom."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from app.domain.errors import Conflict, Invalid, NotAllowed, NotFound, Stale
from app.domain.ids import TeamId, uuid7
from app.domain.projects import commands as projects
from app.domain.teams import commands, queries
from app.domain.teams.policy import Role
from app.domain.teams.team import TeamChange, TeamDraft
from app.domain.todos import commands as todos
from tests.team_factories import make_caller, make_member, make_project, make_tag, make_team, make_todo

BELOW_ADMIN = [Role.MEMBER, Role.VIEWER]
BELOW_OWNER = [Role.ADMIN, Role.MEMBER, Role.VIEWER]


class TestCreate:
    async def test_the_creator_owns_a_shared_team(self, database):
        ann = await make_caller(database)
        team = await commands.create(database, ann, TeamDraft(name="  Our Household ", slug=None))
        assert (team.name, team.role, team.is_personal, team.version) == ("Our Household", Role.OWNER, False, 1)
        assert team.slug.startswith("our-household-")
        assert await queries.get(database.reader, ann, team.id) == team

    async def test_a_slug_exists_once(self, database):
        ann, bob = await make_caller(database), await make_caller(database)
        slug = f"slug-{uuid7().hex}"
        assert (await commands.create(database, ann, TeamDraft(name="A", slug=slug))).slug == slug
        with pytest.raises(Conflict) as refused:
            await commands.create(database, bob, TeamDraft(name="B", slug=slug))
        assert refused.value.code == "SLUG_TAKEN"

    @pytest.mark.parametrize("name", ["", "   ", "a" * 101, "two\nlines", "nul\x00", "\u202edeceiving"])
    async def test_a_name_is_one_line_of_1_to_100_characters(self, database, name):
        ann = await make_caller(database)
        with pytest.raises(Invalid) as refused:
            await commands.create(database, ann, TeamDraft(name=name))
        assert refused.value.fields[0].pointer == "#/name"


class TestPersonalTeam:
    async def test_everybody_owns_one(self, database):
        ann = await make_caller(database)
        team = await queries.get(database.reader, ann, ann.personal_team_id)
        assert team.is_personal
        assert team.role == Role.OWNER

    async def test_takes_no_other_members(self, database):
        ann, bob = await make_caller(database), await make_caller(database)
        team = await queries.get(database.reader, ann, ann.personal_team_id)
        with pytest.raises(Conflict) as refused:
            await make_member(database, ann, team)
        assert refused.value.code == "PERSONAL_TEAM"
        with pytest.raises(NotFound):
            await queries.get(database.reader, bob, ann.personal_team_id)

    async def test_is_never_deleted_and_never_left(self, database):
        ann = await make_caller(database)
        with pytest.raises(Conflict) as refused:
            await commands.delete(database, ann, ann.personal_team_id)
        assert refused.value.code == "PERSONAL_TEAM"
        with pytest.raises(Conflict) as refused:
            await commands.leave(database, ann, ann.personal_team_id)
        assert refused.value.code == "LAST_OWNER"

    async def test_can_be_renamed(self, database):
        ann = await make_caller(database)
        team = await commands.update(database, ann, ann.personal_team_id, TeamChange(name="Mine"))
        assert (team.name, team.is_personal) == ("Mine", True)


class TestUpdate:
    async def test_admins_rename_a_team(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob = await make_member(database, ann, team, Role.ADMIN)
        slug = f"slug-{uuid7().hex}"
        changed = await commands.update(database, bob, team.id, TeamChange(name="Flat", slug=slug))
        assert (changed.name, changed.slug, changed.version, changed.role) == ("Flat", slug, 2, Role.ADMIN)
        assert changed.updated_at > team.updated_at
        assert await queries.get(database.reader, bob, team.id) == changed

    async def test_what_changes_nothing_makes_no_version(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        assert await commands.update(database, ann, team.id, TeamChange()) == team
        assert await commands.update(database, ann, team.id, TeamChange(name=f" {team.name} ", slug=team.slug)) == team

    @pytest.mark.parametrize("role", BELOW_ADMIN)
    async def test_lower_roles_may_not(self, database, role):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        with pytest.raises(NotAllowed):
            await commands.update(database, await make_member(database, ann, team, role), team.id, TeamChange(name="X"))

    async def test_strangers_find_nothing(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        with pytest.raises(NotFound):
            await commands.update(database, eve, team.id, TeamChange(name="X"))

    async def test_acts_only_on_a_version_that_the_caller_knows(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        with pytest.raises(Stale):
            await commands.update(database, ann, team.id, TeamChange(name="X"), expected=frozenset({2}))
        changed = await commands.update(database, ann, team.id, TeamChange(name="X"), expected=frozenset({1, 2}))
        assert changed.version == 2

    async def test_the_slug_of_another_team_is_a_conflict(self, database):
        ann = await make_caller(database)
        team, other = await make_team(database, ann), await make_team(database, ann)
        with pytest.raises(Conflict) as refused:
            await commands.update(database, ann, team.id, TeamChange(slug=other.slug))
        assert refused.value.code == "SLUG_TAKEN"
        assert await queries.get(database.reader, ann, team.id) == team


class TestDelete:
    async def test_an_empty_team_is_gone_with_its_tags_and_its_trash(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob = await make_member(database, ann, team)
        await make_tag(database, ann, "home", team=team)
        project = await make_project(database, ann, team=team)
        await make_todo(database, ann, project=project, assignee_id=bob.user_id, tags=("home",))
        await projects.delete(database, ann, project.id)
        await commands.delete(database, ann, team.id)
        for caller in (ann, bob):
            with pytest.raises(NotFound):
                await queries.get(database.reader, caller, team.id)

    async def test_a_team_with_a_live_project_stays(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        project = await make_project(database, ann, team=team)
        with pytest.raises(Conflict) as refused:
            await commands.delete(database, ann, team.id)
        assert refused.value.code == "TEAM_NOT_EMPTY"
        await projects.delete(database, ann, project.id)
        await commands.delete(database, ann, team.id)

    async def test_a_team_with_a_live_todo_stays(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        todo = await make_todo(database, ann, team=team)
        with pytest.raises(Conflict) as refused:
            await commands.delete(database, ann, team.id)
        assert refused.value.code == "TEAM_NOT_EMPTY"
        await todos.delete(database, ann, todo.id)
        await commands.delete(database, ann, team.id)

    @pytest.mark.parametrize("role", BELOW_OWNER)
    async def test_only_owners_may(self, database, role):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        with pytest.raises(NotAllowed):
            await commands.delete(database, await make_member(database, ann, team, role), team.id)

    async def test_strangers_find_nothing(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        for team_id in (team.id, TeamId(uuid7())):
            with pytest.raises(NotFound):
                await commands.delete(database, eve, team_id)

    async def test_acts_only_on_a_version_that_the_caller_knows(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        with pytest.raises(Stale):
            await commands.delete(database, ann, team.id, expected=frozenset())
        await commands.delete(database, ann, team.id, expected=frozenset({team.version}))


class TestTimes:
    async def test_updated_at_never_runs_ahead_of_the_next_change(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        first = await commands.update(database, ann, team.id, TeamChange(name="1"))
        second = await commands.update(database, ann, team.id, TeamChange(name="2"))
        assert first.updated_at < second.updated_at < first.updated_at + timedelta(minutes=1)
        assert replace(second, name="1", version=2, updated_at=first.updated_at) == first
