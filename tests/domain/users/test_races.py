"""What holds when somebody changes their name while a team that will show it comes or goes.

Otherwise the team's cached list of members would keep the old name: the change would know nothing of the team.
"""

import asyncio

from msgspec.structs import replace

from app.domain.ids import TeamId, uuid7
from app.domain.pages import PageRequest
from app.domain.teams import commands as team_commands
from app.domain.teams import membership_repository, queries
from app.domain.teams import repository as team_repository
from app.domain.teams.cache_tags import of_team
from app.domain.teams.policy import Role
from app.domain.text import fold
from app.domain.users import commands, repository
from app.domain.users.cache_tags import of_user
from app.domain.users.user import ProfileChange
from tests.domain.touching import Stage
from tests.factories import make_user
from tests.locks import waits_for
from tests.team_factories import caller_for, make_caller, make_team

ZOE = ProfileChange(name="Zoë")


class TestRenaming:
    async def test_it_waits_for_who_is_joining_a_team_and_is_announced_there(self, stage: Stage) -> None:
        team = await make_team(stage.database, await make_caller(stage.database))
        user = await make_user(stage.database)
        caller = await caller_for(stage.database, user)
        async with stage.database.transaction() as work:
            await membership_repository.insert_member(work, team.id, email_key=fold(user.email), role=Role.MEMBER)
            renaming = asyncio.create_task(commands.update_profile(stage.database, caller, ZOE))
            await waits_for(work, renaming)
        await renaming
        expected = {of_user(user.id), of_team(caller.personal_team_id), of_team(team.id)}
        assert expected in [set(note.tags) for note in stage.notes]

    async def test_it_waits_for_who_is_founding_a_team_and_is_announced_there(self, stage: Stage) -> None:
        caller, team_id = await make_caller(stage.database), TeamId(uuid7())
        async with stage.database.transaction() as work:
            await team_repository.insert_shared(work, caller.user_id, team_id, name="Club", slug=f"club-{team_id}")
            renaming = asyncio.create_task(commands.update_profile(stage.database, caller, ZOE))
            await waits_for(work, renaming)
        await renaming
        expected = {of_user(caller.user_id), of_team(caller.personal_team_id), of_team(team_id)}
        assert expected in [set(note.tags) for note in stage.notes]


class TestJoining:
    async def test_it_waits_for_a_change_of_name(self, stage: Stage) -> None:
        owner = await make_caller(stage.database)
        team, user = await make_team(stage.database, owner), await make_user(stage.database, name="Ann")
        async with stage.database.transaction() as work:
            locked = (await repository.lock(work, user.id))[user.id]
            await repository.update_user(work, replace(locked, name="Zoë"))
            adding = asyncio.create_task(
                team_commands.add_member(stage.database, owner, team.id, email=user.email, role=Role.MEMBER)
            )
            await waits_for(work, adding)
        await adding
        members = await queries.members(stage.database.reader, owner, team.id, PageRequest(limit=10))
        assert [member.name for member in members.items if member.user_id == user.id] == ["Zoë"]
