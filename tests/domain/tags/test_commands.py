"""What can be done to tags, by whom, and what the todos carry afterwards."""

import asyncio

import pytest

from app.domain.errors import Conflict, Invalid, NotAllowed, NotFound, Stale
from app.domain.ids import TeamId, uuid7
from app.domain.tags import commands, queries
from app.domain.tags.tag import Tag, TagChanges, TagDraft, TagId
from app.domain.teams.policy import Role
from app.domain.todos import commands as todo_commands
from app.domain.todos import queries as todo_queries
from tests.team_factories import make_caller, make_member, make_tag, make_team, make_todo


async def tags_of(database, caller, todo):
    return (await todo_queries.get(database.reader, caller, todo.id)).tags


class TestCreate:
    async def test_goes_to_the_callers_own_team_unless_it_names_another(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        own = await commands.create(database, ann, TagDraft(name=" Home ", color="#FF8C00"))
        shared = await commands.create(database, ann, TagDraft(name="Home", team_id=team.id))
        assert (own.team_id, own.name, own.color, own.version, own.role) == (
            ann.personal_team_id,
            "Home",
            "#ff8c00",
            1,
            "owner",
        )
        assert (shared.team_id, shared.color) == (team.id, "#808080")
        assert await queries.get(database.reader, ann, shared.id) == shared

    @pytest.mark.parametrize("name", ["home", "HOME", " Home "])
    async def test_a_name_exists_once_in_a_team_whatever_its_case(self, database, name):
        ann = await make_caller(database)
        await make_tag(database, ann, "Home")
        with pytest.raises(Conflict) as refused:
            await make_tag(database, ann, name)
        assert refused.value.code == "TAG_EXISTS"

    @pytest.mark.parametrize(("first", "second"), [("Straße", "STRASSE"), ("Ärger", "A\u0308RGER"), ("ǰ", "J\u030c")])
    async def test_case_is_that_of_all_languages(self, database, first, second):
        ann = await make_caller(database)
        await make_tag(database, ann, first)
        with pytest.raises(Conflict):
            await make_tag(database, ann, second)

    async def test_of_many_at_once_one_is_made(self, database):
        ann = await make_caller(database)
        names = ["home", "Home", "HOME", "hOme", "hoMe"]
        results = await asyncio.gather(*(make_tag(database, ann, name) for name in names), return_exceptions=True)
        refusals = [result for result in results if isinstance(result, Exception)]
        assert [type(refusal) for refusal in refusals] == [Conflict] * 4

    @pytest.mark.parametrize("name", ["", " ", "a,b", "x" * 51, "two\nlines"])
    async def test_a_name_is_one_line_of_1_to_50_characters_without_commas(self, database, name):
        ann = await make_caller(database)
        with pytest.raises(Invalid) as refused:
            await make_tag(database, ann, name)
        assert refused.value.fields[0].pointer == "#/name"

    async def test_viewers_may_not_and_the_teams_of_others_are_unknown(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        with pytest.raises(NotAllowed):
            await make_tag(database, await make_member(database, ann, team, Role.VIEWER), "home", team=team)
        for team_id in (team.id, TeamId(uuid7())):
            with pytest.raises(Invalid) as refused:
                await commands.create(database, eve, TagDraft(name="home", team_id=team_id))
            assert refused.value.fields[0].pointer == "#/team_id"


class TestUpdate:
    async def test_a_new_name_replaces_the_old_one_in_all_todos_of_the_team(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        tag = await make_tag(database, ann, "home", team=team)
        await make_tag(database, ann, "home")
        carrying = await make_todo(database, ann, team=team, tags=("garden", "home"))
        trashed = await make_todo(database, ann, team=team, tags=("home",))
        await todo_commands.delete(database, ann, trashed.id)
        without = await make_todo(database, ann, team=team, tags=("garden",))
        elsewhere = await make_todo(database, ann, tags=("home",))
        renamed = await commands.update(database, ann, tag.id, TagChanges(name="House"))
        assert (renamed.name, renamed.color, renamed.version) == ("House", tag.color, 2)
        after = await todo_queries.get(database.reader, ann, carrying.id)
        assert (after.tags, after.version) == (["garden", "House"], carrying.version + 1)
        assert after.updated_at > carrying.updated_at
        assert (await todo_commands.restore(database, ann, trashed.id)).tags == ["House"]
        for todo in (without, elsewhere):
            assert await todo_queries.get(database.reader, ann, todo.id) == todo

    async def test_another_spelling_of_its_own_name_is_no_conflict(self, database):
        ann = await make_caller(database)
        tag = await make_tag(database, ann, "home")
        todo = await make_todo(database, ann, tags=("home",))
        assert (await commands.update(database, ann, tag.id, TagChanges(name="HOME"))).version == 2
        assert await tags_of(database, ann, todo) == ["HOME"]

    async def test_a_new_colour_leaves_the_todos_alone(self, database):
        ann = await make_caller(database)
        tag = await make_tag(database, ann, "home")
        todo = await make_todo(database, ann, tags=("home",))
        changed = await commands.update(database, ann, tag.id, TagChanges(color="#FFFFFF"))
        assert (changed.color, changed.version) == ("#ffffff", 2)
        assert await todo_queries.get(database.reader, ann, todo.id) == todo

    async def test_what_changes_nothing_makes_no_version(self, database):
        ann = await make_caller(database)
        tag = await make_tag(database, ann, "home")
        for changes in (TagChanges(), TagChanges(name=" home ", color=tag.color)):
            assert await commands.update(database, ann, tag.id, changes) == tag

    async def test_the_name_of_another_tag_is_a_conflict_and_changes_nothing(self, database):
        ann = await make_caller(database)
        tag = await make_tag(database, ann, "home")
        await make_tag(database, ann, "House")
        todo = await make_todo(database, ann, tags=("home",))
        with pytest.raises(Conflict) as refused:
            await commands.update(database, ann, tag.id, TagChanges(name="house"))
        assert refused.value.code == "TAG_EXISTS"
        assert await todo_queries.get(database.reader, ann, todo.id) == todo

    async def test_viewers_may_not_and_strangers_find_nothing(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        tag = await make_tag(database, ann, "home", team=team)
        bob = await make_member(database, ann, team, Role.VIEWER)
        with pytest.raises(NotAllowed):
            await commands.update(database, bob, tag.id, TagChanges(name="x"))
        with pytest.raises(NotFound):
            await commands.update(database, eve, tag.id, TagChanges(name="x"))

    async def test_acts_only_on_a_version_that_the_caller_knows(self, database):
        ann = await make_caller(database)
        tag = await make_tag(database, ann, "home")
        with pytest.raises(Stale):
            await commands.update(database, ann, tag.id, TagChanges(name="x"), expected=frozenset({2}))


class TestDelete:
    async def test_takes_the_tag_off_all_todos_of_the_team(self, database):
        ann = await make_caller(database)
        tag = await make_tag(database, ann, "home")
        carrying = await make_todo(database, ann, tags=("home", "garden"))
        without = await make_todo(database, ann, tags=("garden",))
        await commands.delete(database, ann, tag.id)
        after = await todo_queries.get(database.reader, ann, carrying.id)
        assert (after.tags, after.version) == (["garden"], carrying.version + 1)
        assert await todo_queries.get(database.reader, ann, without.id) == without
        with pytest.raises(NotFound):
            await queries.get(database.reader, ann, tag.id)

    async def test_viewers_may_not_and_strangers_find_nothing(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        tag = await make_tag(database, ann, "home", team=team)
        with pytest.raises(NotAllowed):
            await commands.delete(database, await make_member(database, ann, team, Role.VIEWER), tag.id)
        with pytest.raises(NotFound):
            await commands.delete(database, eve, tag.id)
        with pytest.raises(Stale):
            await commands.delete(database, ann, tag.id, expected=frozenset())


class TestMerge:
    async def test_todos_carry_the_other_tag_once(self, database):
        ann = await make_caller(database)
        source, target = await make_tag(database, ann, "house"), await make_tag(database, ann, "home")
        one = await make_todo(database, ann, tags=("house", "garden"))
        both = await make_todo(database, ann, tags=("home", "house"))
        other = await make_todo(database, ann, tags=("home",))
        assert await commands.merge(database, ann, source.id, into=target.id) == target
        assert await tags_of(database, ann, one) == ["home", "garden"]
        assert await tags_of(database, ann, both) == ["home"]
        assert await todo_queries.get(database.reader, ann, other.id) == other
        with pytest.raises(NotFound):
            await queries.get(database.reader, ann, source.id)

    async def test_only_with_another_tag_of_the_same_team(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        source = await make_tag(database, ann, "home")
        elsewhere, hidden = await make_tag(database, ann, "x", team=team), await make_tag(database, eve, "x")
        for into in (source.id, elsewhere.id, hidden.id, TagId(uuid7())):
            with pytest.raises(Invalid) as refused:
                await commands.merge(database, ann, source.id, into=into)
            assert [(field.pointer, field.code) for field in refused.value.fields] == [("#/into", "UNKNOWN_TAG")]

    async def test_viewers_may_not_and_strangers_find_nothing(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        source, target = [await make_tag(database, ann, name, team=team) for name in ("a", "b")]
        bob = await make_member(database, ann, team, Role.VIEWER)
        with pytest.raises(NotAllowed):
            await commands.merge(database, bob, source.id, into=target.id)
        with pytest.raises(NotFound):
            await commands.merge(database, eve, source.id, into=target.id)
        with pytest.raises(Stale):
            await commands.merge(database, ann, source.id, into=target.id, expected=frozenset({2}))

    async def test_two_that_merge_into_each_other_leave_one(self, database):
        ann = await make_caller(database)
        one, two = await make_tag(database, ann, "one"), await make_tag(database, ann, "two")
        todo = await make_todo(database, ann, tags=("one", "two"))
        results = await asyncio.gather(
            commands.merge(database, ann, one.id, into=two.id),
            commands.merge(database, ann, two.id, into=one.id),
            return_exceptions=True,
        )
        merged = [result for result in results if isinstance(result, Tag)]
        assert len(merged) == 1
        assert await tags_of(database, ann, todo) == [merged[0].name]
