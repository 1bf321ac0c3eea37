"""Lists of tags: their order, their pages, their counts, and what they cost."""

from contextlib import suppress
from typing import Any

import pytest

from app.database.statements import Statement
from app.domain.errors import NotFound
from app.domain.ids import uuid7
from app.domain.pages import PageRequest, Sort
from app.domain.tags import queries
from app.domain.tags.tag import Tag, TagId, TagList
from app.domain.teams.policy import Role
from app.domain.todos import commands as todo_commands
from tests.query_plans import plan, scans, sorted_before_limit
from tests.team_factories import make_caller, make_member, make_tag, make_team, make_todo

BACKWARDS = Sort("name", descending=True)


async def names_of(database, tag_list):
    return [tag.name for tag in (await queries.page(database.reader, tag_list, PageRequest(limit=50))).items]


class TestPage:
    async def test_is_in_the_order_of_names_whatever_their_case_across_teams(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        await make_tag(database, eve, "hidden")
        for name, place in (("beta", None), ("Alpha", team), ("GAMMA", None), ("alpha", None)):
            await make_tag(database, ann, name, team=place)
        with database.observed() as statements:
            page = await queries.page(database.reader, TagList(ann.user_id), PageRequest(limit=50))
        assert statements == ["tags.page"]
        assert [tag.name.lower() for tag in page.items] == ["alpha", "alpha", "beta", "gamma"]
        assert (page.items[0].todo_count, page.total) == (None, None)
        assert await names_of(database, TagList(ann.user_id, team.id)) == ["Alpha"]
        assert await names_of(database, TagList(ann.user_id, sort=BACKWARDS)) == [
            tag.name for tag in reversed(page.items)
        ]

    @pytest.mark.parametrize("sort", [Sort("name"), BACKWARDS], ids=str)
    @pytest.mark.parametrize("limit", [1, 2, 3])
    async def test_pages_go_forward_and_back_over_every_tag_once(self, database, sort, limit):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        made = [await make_tag(database, ann, name, team=place) for name in "abc" for place in (None, team)]
        wanted = sorted(made, key=lambda tag: (tag.key, tag.id), reverse=sort.descending)
        tag_list, pages, request = TagList(ann.user_id, sort=sort), [], PageRequest(limit)
        while True:
            page = await queries.page(database.reader, tag_list, request)
            pages.append(page.items)
            if page.next is None:
                break
            request = PageRequest(limit, page.next)
        assert [tag for items in pages for tag in items] == wanted
        back: list[list[Tag]] = []
        while page.previous is not None:
            page = await queries.page(database.reader, tag_list, PageRequest(limit, page.previous))
            back.insert(0, page.items)
        assert back == pages[:-1]

    async def test_counts_the_live_todos_of_every_tag_in_one_statement(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        for name, place in (("home", None), ("home", team), ("idle", None)):
            await make_tag(database, ann, name, team=place)
        await make_todo(database, ann, tags=("home", "work"))
        await make_todo(database, ann, tags=("home",))
        await make_todo(database, ann, team=team, tags=("home",))
        trashed = await make_todo(database, ann, tags=("home",))
        await todo_commands.delete(database, ann, trashed.id)
        with database.observed() as statements:
            page = await queries.page(
                database.reader, TagList(ann.user_id), PageRequest(limit=50), with_counts=True, with_total=True
            )
        assert statements == ["tags.page", "tags.count_todos", "tags.count"]
        assert {(tag.team_id, tag.name): tag.todo_count for tag in page.items} == {
            (ann.personal_team_id, "home"): 2,
            (ann.personal_team_id, "work"): 1,
            (ann.personal_team_id, "idle"): 0,
            (team.id, "home"): 1,
        }
        assert page.total == 4

    async def test_an_empty_page_counts_nothing(self, database):
        eve = await make_caller(database)
        with database.observed() as statements:
            page = await queries.page(database.reader, TagList(eve.user_id), PageRequest(limit=50), with_counts=True)
        assert (page.items, statements) == ([], ["tags.page"])


class TestNumbered:
    async def test_cuts_the_list_into_pages_with_a_total(self, database):
        ann = await make_caller(database)
        for name in "edcba":
            await make_tag(database, ann, name)
        with database.observed() as statements:
            page = await queries.numbered(database.reader, TagList(ann.user_id), 2, 2)
        assert statements == ["tags.numbered", "tags.count"]
        assert ([tag.name for tag in page.items], page.number, page.size, page.total) == (["c", "d"], 2, 2, 5)


class TestGet:
    async def test_viewers_see_it_with_their_role(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        tag = await make_tag(database, ann, "home", team=team)
        bob = await make_member(database, ann, team, Role.VIEWER)
        await make_todo(database, ann, team=team, tags=("home",))
        seen = await queries.get(database.reader, bob, tag.id, with_count=True)
        assert (seen.role, seen.todo_count) == ("viewer", 1)

    async def test_strangers_find_what_they_would_find_if_it_did_not_exist(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        tag = await make_tag(database, ann, "home")
        for tag_id in (tag.id, TagId(uuid7())):
            with pytest.raises(NotFound) as refused:
                await queries.get(database.reader, eve, tag_id)
            assert refused.value.detail == f"There is no tag {tag_id}."


class _Undone(Exception):
    """Ends a transaction whose rows nobody else may see."""


@pytest.fixture(scope="class")
async def crowd(owned_database):
    """A caller with 1,000 tags in each of two teams, among 50,000."""
    ann = await make_caller(owned_database)
    teams = [ann.personal_team_id, (await make_team(owned_database, ann)).id]
    with suppress(_Undone):
        async with owned_database.transaction() as work:
            raw = work._connection.raw
            await raw.execute(
                "INSERT INTO teams (id, name, slug) "
                "SELECT id, 'Other', id::text FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, 48)) AS n"
            )
            await raw.execute(
                "INSERT INTO tags (team_id, id, name, key) SELECT team.id, gen_random_uuid(), 'T' || n, 't' || n "
                "FROM (SELECT id FROM teams WHERE name = 'Other' UNION SELECT unnest($1::uuid[])) AS team, "
                "generate_series(1, 1000) AS n",
                teams,
            )
            await raw.execute("ANALYZE tags, teams, team_memberships")
            yield work, ann
            raise _Undone


class TestPlans:
    @pytest.mark.parametrize("sort", [Sort("name"), BACKWARDS], ids=str)
    async def test_each_list_walks_its_index_in_order(self, owned_database, crowd, sort):
        work, ann = crowd
        used: list[Statement[Any]] = []
        owned_database.watch.observers.append(lambda statement, _: used.append(statement))
        tag_list = TagList(ann.user_id, sort=sort)
        first = await queries.page(work, tag_list, PageRequest(limit=20))
        second = await queries.page(work, tag_list, PageRequest(limit=20, position=first.next))
        owned_database.watch.observers.pop()
        assert [len(first.items), len(second.items)] == [20, 20]
        assert first.next is not None
        parameters = {
            "caller_id": ann.user_id,
            "row_limit": 21,
            "position_value": first.next.value,
            "position_id": first.next.id,
        }
        for statement in used:
            root = await plan(work, statement, **parameters)
            assert scans(root)["tags"] == "uq_tags_team_id_key"
            assert sorted_before_limit(root) == []
