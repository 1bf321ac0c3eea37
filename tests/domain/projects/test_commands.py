"""What can be done to projects, by whom."""

import math

import pytest

from app.domain.errors import Invalid, NotAllowed, NotFound, Stale
from app.domain.ids import ProjectId, TeamId, uuid7
from app.domain.projects import commands, queries
from app.domain.projects.project import ProjectChanges, ProjectDraft, Status
from app.domain.teams.policy import Role
from tests.team_factories import make_caller, make_member, make_project, make_team

WRITERS = [Role.OWNER, Role.ADMIN, Role.MEMBER]
RENAMED = ProjectChanges(name="Renamed")


class TestCreate:
    async def test_goes_to_the_callers_own_team_unless_it_names_another(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        own = await commands.create(database, ann, ProjectDraft(name=" Garden "))
        shared = await commands.create(
            database, ann, ProjectDraft(name="Flat", description="a\nb", color="#1E90FF", team_id=team.id, position=7)
        )
        assert (own.team_id, own.user_id, own.name, own.role) == (ann.personal_team_id, ann.user_id, "Garden", "owner")
        assert (own.description, own.color, own.status, own.version) == ("", "#808080", "active", 1)
        assert (own.deleted_at, own.purge_at) == (None, None)
        assert (shared.team_id, shared.description, shared.color, shared.position) == (team.id, "a\nb", "#1e90ff", 7.0)
        assert await queries.get(database.reader, ann, shared.id) == shared

    async def test_a_new_project_is_last(self, database):
        ann = await make_caller(database)
        first, second = await make_project(database, ann), await make_project(database, ann)
        assert first.position < second.position

    @pytest.mark.parametrize("role", WRITERS)
    async def test_writers_may(self, database, role):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob = await make_member(database, ann, team, role)
        project = await make_project(database, bob, team=team)
        assert (project.role, project.user_id) == (role, bob.user_id)

    async def test_viewers_may_not(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        bob = await make_member(database, ann, team, Role.VIEWER)
        with pytest.raises(NotAllowed) as refused:
            await make_project(database, bob, team=team)
        assert refused.value.code == "ROLE_TOO_LOW"

    async def test_a_team_that_is_not_visible_is_refused_as_one_that_does_not_exist(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        for team_id in (team.id, TeamId(uuid7())):
            with pytest.raises(Invalid) as refused:
                await commands.create(database, eve, ProjectDraft(name="Garden", team_id=team_id))
            assert [(field.pointer, field.code) for field in refused.value.fields] == [("#/team_id", "UNKNOWN_TEAM")]

    @pytest.mark.parametrize(
        ("pointer", "draft"),
        [
            ("#/name", ProjectDraft(name=" ")),
            ("#/name", ProjectDraft(name="x" * 201)),
            ("#/name", ProjectDraft(name="a\nb")),
            ("#/description", ProjectDraft(name="x", description="x" * 20_001)),
            ("#/description", ProjectDraft(name="x", description="nul\x00")),
            ("#/color", ProjectDraft(name="x", color="red")),
            ("#/color", ProjectDraft(name="x", color="#1e90ff\n")),
            ("#/position", ProjectDraft(name="x", position=math.inf)),
            ("#/position", ProjectDraft(name="x", position=math.nan)),
        ],
    )
    async def test_each_field_keeps_its_rule(self, database, pointer, draft):
        ann = await make_caller(database)
        with pytest.raises(Invalid) as refused:
            await commands.create(database, ann, draft)
        assert refused.value.fields[0].pointer == pointer


class TestUpdate:
    async def test_changes_only_what_is_given(self, database):
        ann = await make_caller(database)
        project = await make_project(database, ann)
        changed = await commands.update(database, ann, project.id, ProjectChanges(color="#FFFFFF", position=3))
        assert (changed.name, changed.color, changed.position, changed.version) == (project.name, "#ffffff", 3.0, 2)
        assert changed.updated_at > project.updated_at
        assert await queries.get(database.reader, ann, project.id) == changed

    async def test_what_changes_nothing_makes_no_version(self, database):
        ann = await make_caller(database)
        project = await make_project(database, ann)
        same = ProjectChanges(
            name=f" {project.name} ", color=project.color.upper(), status=Status.ACTIVE, position=project.position
        )
        for changes in (ProjectChanges(), same):
            assert await commands.update(database, ann, project.id, changes) == project

    @pytest.mark.parametrize("role", WRITERS)
    async def test_writers_may(self, database, role):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        project = await make_project(database, ann, team=team)
        bob = await make_member(database, ann, team, role)
        assert (await commands.update(database, bob, project.id, RENAMED)).name == "Renamed"

    async def test_viewers_may_not_and_strangers_find_nothing(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        team = await make_team(database, ann)
        project = await make_project(database, ann, team=team)
        with pytest.raises(NotAllowed):
            await commands.update(database, await make_member(database, ann, team, Role.VIEWER), project.id, RENAMED)
        with pytest.raises(NotFound):
            await commands.update(database, eve, project.id, RENAMED)
        assert await queries.get(database.reader, ann, project.id) == project

    async def test_acts_only_on_a_version_that_the_caller_knows(self, database):
        ann = await make_caller(database)
        project = await make_project(database, ann)
        with pytest.raises(Stale):
            await commands.update(database, ann, project.id, RENAMED, expected=frozenset({2}))
        assert (await commands.update(database, ann, project.id, RENAMED, expected=frozenset({1}))).version == 2

    async def test_a_project_in_the_trash_cannot_be_changed(self, database):
        ann = await make_caller(database)
        project = await make_project(database, ann)
        await commands.delete(database, ann, project.id)
        with pytest.raises(NotFound):
            await commands.update(database, ann, project.id, RENAMED)


class TestArchive:
    async def test_an_archived_project_stays_archived_until_it_is_taken_up_again(self, database):
        ann = await make_caller(database)
        project = await make_project(database, ann)
        archived = await commands.archive(database, ann, project.id)
        assert (archived.status, archived.version) == ("archived", 2)
        assert await commands.archive(database, ann, project.id) == archived
        active = await commands.unarchive(database, ann, project.id)
        assert (active.status, active.version) == ("active", 3)
        assert await commands.unarchive(database, ann, project.id) == active

    async def test_viewers_may_not(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        project = await make_project(database, ann, team=team)
        bob = await make_member(database, ann, team, Role.VIEWER)
        for command in (commands.archive, commands.unarchive):
            with pytest.raises(NotAllowed):
                await command(database, bob, project.id)

    async def test_acts_only_on_a_version_that_the_caller_knows(self, database):
        ann = await make_caller(database)
        project = await make_project(database, ann)
        for command in (commands.archive, commands.unarchive):
            with pytest.raises(Stale):
                await command(database, ann, project.id, expected=frozenset({9}))


class TestGet:
    async def test_strangers_find_what_they_would_find_if_it_did_not_exist(self, database):
        ann, eve = await make_caller(database), await make_caller(database)
        project = await make_project(database, ann)
        for project_id in (project.id, ProjectId(uuid7())):
            with pytest.raises(NotFound) as refused:
                await queries.get(database.reader, eve, project_id)
            assert refused.value.detail == f"There is no project {project_id}."

    async def test_viewers_see_it_with_their_role(self, database):
        ann = await make_caller(database)
        team = await make_team(database, ann)
        project = await make_project(database, ann, team=team)
        bob = await make_member(database, ann, team, Role.VIEWER)
        with database.observed() as statements:
            assert (await queries.get(database.reader, bob, project.id)).role == Role.VIEWER
        assert statements == ["projects.get"]
