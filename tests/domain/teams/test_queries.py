"""Lists of teams, and who sees what."""

import pytest

from app.domain.errors import NotFound
from app.domain.ids import TeamId, uuid7
from app.domain.pages import PageRequest
from app.domain.teams import queries
from app.domain.teams.policy import Role
from tests.team_factories import make_caller, make_member, make_team


class TestPage:
    async def test_shows_the_callers_teams_only_each_with_their_role(self, database):
        ann, bob = await make_caller(database), await make_caller(database)
        await make_team(database, bob)
        own = await make_team(database, ann, name="Own")
        shared = await make_team(database, bob, name="Shared")
        eve = await make_member(database, bob, shared, Role.VIEWER)
        page = await queries.page(database.reader, ann, PageRequest(limit=10), with_total=True)
        assert [(team.id, team.role) for team in page.items] == [
            (ann.personal_team_id, Role.OWNER),
            (own.id, Role.OWNER),
        ]
        assert (page.next, page.previous, page.total) == (None, None, 2)
        page = await queries.page(database.reader, eve, PageRequest(limit=10))
        assert {(team.id, team.role) for team in page.items} == {
            (eve.personal_team_id, Role.OWNER),
            (shared.id, Role.VIEWER),
        }

    async def test_pages_go_forward_and_back_with_one_statement_each(self, database):
        ann = await make_caller(database)
        ids = sorted([ann.personal_team_id, *[(await make_team(database, ann)).id for _ in range(4)]])
        with database.observed() as statements:
            first = await queries.page(database.reader, ann, PageRequest(limit=2))
        assert statements == ["teams.page"]
        second = await queries.page(database.reader, ann, PageRequest(limit=2, position=first.next))
        third = await queries.page(database.reader, ann, PageRequest(limit=2, position=second.next))
        assert [[team.id for team in page.items] for page in (first, second, third)] == [ids[:2], ids[2:4], ids[4:]]
        assert (first.previous, third.next) == (None, None)
        back = await queries.page(database.reader, ann, PageRequest(limit=2, position=third.previous))
        assert back.items == second.items
        assert (await queries.page(database.reader, ann, PageRequest(limit=2, position=back.previous))).previous is None


class TestGet:
    async def test_strangers_find_what_they_would_find_if_it_did_not_exist(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        for team_id in (team.id, TeamId(uuid7())):
            with pytest.raises(NotFound) as refused:
                await queries.get(database.reader, eve, team_id)
            assert refused.value.detail == f"There is no team {team_id}."


class TestRole:
    @pytest.mark.parametrize("role", list(Role))
    async def test_is_that_of_the_caller(self, database, role):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob = await make_member(database, ann, team, role)
        assert await queries.role(database.reader, bob, team.id) is role
