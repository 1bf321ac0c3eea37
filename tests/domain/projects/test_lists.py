"""Lists of projects: their order, their pages, and what they cost."""

from contextlib import suppress
from typing import Any

import pytest

from app.database.statements import Statement
from app.domain.ids import uuid7
from app.domain.pages import PageRequest, Sort
from app.domain.projects import commands, queries
from app.domain.projects.filter import LAST_TRASHED_FIRST, NEWEST_FIRST, ProjectFilter, ProjectList
from app.domain.projects.project import Project, Status
from app.domain.teams.policy import Role
from tests.query_plans import plan, scans, sorted_before_limit
from tests.team_factories import make_caller, make_member, make_project, make_team

OLDEST_FIRST = Sort("created_at")
BY_POSITION = Sort("position")


async def ids_of(database, projects_list, limit=50):
    return [project.id for project in (await queries.page(database.reader, projects_list, PageRequest(limit))).items]


class TestPage:
    async def test_merges_all_teams_of_the_caller_in_one_order_and_shows_no_other(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        await make_project(database, eve)
        made = [await make_project(database, ann, team=place) for place in (None, team, None, team)]
        bob = await make_member(database, ann, team, Role.VIEWER)
        with database.observed() as statements:
            page = await queries.page(database.reader, ProjectList(ann.user_id), PageRequest(limit=50))
        assert statements == ["projects.page"]
        assert page.items == list(reversed(made))
        assert (page.next, page.previous, page.total) == (None, None, None)
        assert [
            (p.id, p.role)
            for p in (await queries.page(database.reader, ProjectList(bob.user_id), PageRequest(9))).items
        ] == [
            (made[3].id, "viewer"),
            (made[1].id, "viewer"),
        ]

    @pytest.mark.parametrize(
        "sort", [OLDEST_FIRST, NEWEST_FIRST, BY_POSITION, Sort("position", descending=True)], ids=str
    )
    @pytest.mark.parametrize("limit", [1, 2, 3, 7])
    async def test_pages_go_forward_and_back_over_every_project_once(self, database, sort, limit):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        positions = [3.0, 1.0, 3.0, 2.0, 1.0, 1.0, 5.0]
        made = [
            await make_project(database, ann, team=team if index % 2 else None, position=position)
            for index, position in enumerate(positions)
        ]
        wanted = sorted(made, key=lambda p: (getattr(p, sort.field), p.id), reverse=sort.descending)
        projects_list = ProjectList(ann.user_id, sort=sort)
        pages, request = [], PageRequest(limit)
        while True:
            page = await queries.page(database.reader, projects_list, request)
            pages.append(page.items)
            if page.next is None:
                break
            request = PageRequest(limit, page.next)
        assert [project for items in pages for project in items] == wanted
        back: list[list[Project]] = []
        while page.previous is not None:
            page = await queries.page(database.reader, projects_list, PageRequest(limit, page.previous))
            back.insert(0, page.items)
        assert back == pages[:-1]

    async def test_filters_combine(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob = await make_member(database, ann, team)
        own = await make_project(database, ann)
        anns, bobs = await make_project(database, ann, team=team), await make_project(database, bob, team=team)
        await commands.archive(database, ann, bobs.id)
        trashed = await make_project(database, ann, team=team)
        await commands.delete(database, ann, trashed.id)

        async def found(**conditions):
            return await ids_of(database, ProjectList(ann.user_id, ProjectFilter(**conditions), OLDEST_FIRST))

        assert await found() == [own.id, anns.id, bobs.id]
        assert await found(team_id=team.id) == [anns.id, bobs.id]
        assert await found(status=Status.ARCHIVED) == [bobs.id]
        assert await found(user_id=ann.user_id) == [own.id, anns.id]
        assert await found(team_id=team.id, status=Status.ACTIVE, user_id=ann.user_id) == [anns.id]
        assert await found(team_id=uuid7()) == []
        assert await ids_of(
            database, ProjectList(ann.user_id, ProjectFilter(trashed=True, team_id=team.id), LAST_TRASHED_FIRST)
        ) == [trashed.id]

    async def test_counts_all_pages_only_if_asked(self, database):
        ann = await make_caller(database)
        for _ in range(3):
            await make_project(database, ann)
        with database.observed() as statements:
            page = await queries.page(database.reader, ProjectList(ann.user_id), PageRequest(limit=2), with_total=True)
        assert (len(page.items), page.total) == (2, 3)
        assert statements == ["projects.page", "projects.count"]

    async def test_what_comes_and_goes_between_pages_moves_nothing_else(self, database):
        ann = await make_caller(database)
        made = [await make_project(database, ann) for _ in range(4)]
        projects_list = ProjectList(ann.user_id, sort=OLDEST_FIRST)
        first = await queries.page(database.reader, projects_list, PageRequest(limit=2))
        await commands.delete(database, ann, made[1].id)
        late = await make_project(database, ann)
        second = await queries.page(database.reader, projects_list, PageRequest(limit=9, position=first.next))
        assert [project.id for project in second.items] == [made[2].id, made[3].id, late.id]


class TestNumbered:
    async def test_cuts_the_list_into_pages_with_a_total(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        made = [await make_project(database, ann, team=team if index % 2 else None) for index in range(5)]
        projects_list = ProjectList(ann.user_id, sort=OLDEST_FIRST)
        with database.observed() as statements:
            page = await queries.numbered(database.reader, projects_list, 2, 2)
        assert statements == ["projects.numbered", "projects.count"]
        assert (page.items, page.number, page.size, page.total) == (made[2:4], 2, 2, 5)
        assert (await queries.numbered(database.reader, projects_list, 3, 2)).items == made[4:]
        beyond = await queries.numbered(database.reader, projects_list, 4, 2)
        assert (beyond.items, beyond.total) == ([], 5)


class _Undone(Exception):
    """Ends a transaction whose rows nobody else may see."""


@pytest.fixture(scope="class")
async def crowd(owned_database):
    """A caller with 1,000 projects in each of six teams, among 50,000; a third of them in the trash."""
    ann = await make_caller(owned_database)
    teams = [ann.personal_team_id, *[(await make_team(owned_database, ann)).id for _ in range(5)]]
    with suppress(_Undone):
        async with owned_database.transaction() as work:
            raw = work._connection.raw
            # What other tests left is of many teams of few projects each: for those the planner sorts.
            await raw.execute("DELETE FROM projects")
            await raw.execute(
                "INSERT INTO teams (id, name, slug) "
                "SELECT id, 'Other', id::text FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, 44)) AS n"
            )
            await raw.execute(
                "INSERT INTO projects (team_id, id, user_id, name, status, created_at, position, deleted_at) "
                "SELECT team.id, gen_random_uuid(), $2, 'P', (ARRAY['active', 'archived'])[1 + n % 2], "
                "now() - n * interval '1 minute', n, CASE WHEN n % 3 = 0 THEN now() - n * interval '1 second' END "
                "FROM (SELECT id FROM teams WHERE name = 'Other' UNION SELECT unnest($1::uuid[])) AS team, "
                "generate_series(1, 1000) AS n",
                teams,
                ann.user_id,
            )
            await raw.execute("ANALYZE projects, teams, team_memberships")
            yield work, ann
            raise _Undone


class TestPlans:
    @pytest.mark.parametrize(
        ("conditions", "sort", "index"),
        [
            ({}, NEWEST_FIRST, "ix_projects_created"),
            ({}, OLDEST_FIRST, "ix_projects_created"),
            ({}, BY_POSITION, "ix_projects_position"),
            ({"status": Status.ARCHIVED}, NEWEST_FIRST, "idx_projects_status"),
            ({"trashed": True}, LAST_TRASHED_FIRST, "ix_projects_trash"),
        ],
    )
    async def test_each_list_walks_its_index_in_order(self, owned_database, crowd, conditions, sort, index):
        work, ann = crowd
        projects_list = ProjectList(ann.user_id, ProjectFilter(**conditions), sort)
        used: list[Statement[Any]] = []
        owned_database.watch.observers.append(lambda statement, _: used.append(statement))
        first = await queries.page(work, projects_list, PageRequest(limit=20))
        second = await queries.page(work, projects_list, PageRequest(limit=20, position=first.next))
        owned_database.watch.observers.pop()
        assert [len(first.items), len(second.items)] == [20, 20]
        assert first.next is not None
        parameters = {
            "caller_id": ann.user_id,
            "row_limit": 21,
            "status": conditions.get("status"),
            "position_value": first.next.value,
            "position_id": first.next.id,
        }
        for statement in used:
            root = await plan(work, statement, **parameters)
            assert scans(root)["projects"] == index
            assert sorted_before_limit(root) == []
