"""What people change about themselves, and which cached values show it."""

import pytest

from app.domain.errors import Invalid, Stale
from app.domain.teams.cache_tags import of_team
from app.domain.users import commands
from app.domain.users.cache_tags import of_user
from app.domain.users.user import ProfileChange
from tests.domain.touching import Case, Stage, Table
from tests.team_factories import make_caller, make_member, make_team


async def renaming(stage: Stage) -> set[str]:
    """A name shows in every team, but not in those of others."""
    owner = await make_caller(stage.database)
    team, other = [await make_team(stage.database, owner) for _ in range(2)]
    ann = await make_member(stage.database, owner, team)
    await make_member(stage.database, owner, other)
    stage.begin()
    await commands.update_profile(stage.database, ann, ProfileChange(name="Zoë"))
    return {of_user(ann.user_id), of_team(ann.personal_team_id), of_team(team.id)}


async def moving_to_another_time_zone(stage: Stage) -> set[str]:
    ann = await make_caller(stage.database)
    stage.begin()
    await commands.update_profile(stage.database, ann, ProfileChange(timezone="Asia/Tokyo"))
    return {of_user(ann.user_id), of_team(ann.personal_team_id)}


async def being_called_the_same(stage: Stage) -> None:
    ann = await make_caller(stage.database, name="Ann")
    stage.begin()
    await commands.update_profile(stage.database, ann, ProfileChange(name="Ann", timezone="UTC"))


async def acting_on_an_old_version(stage: Stage) -> None:
    ann = await make_caller(stage.database)
    stage.begin()
    with pytest.raises(Stale):
        await commands.update_profile(stage.database, ann, ProfileChange(name="Zoë"), expected=frozenset({7}))


async def having_no_name(stage: Stage) -> None:
    ann = await make_caller(stage.database)
    stage.begin()
    with pytest.raises(Invalid):
        await commands.update_profile(stage.database, ann, ProfileChange(name=" "))


USERS = Table(
    modules=(commands,),
    changing=(
        Case(commands.update_profile, renaming),
        Case(commands.update_profile, moving_to_another_time_zone),
    ),
    leaving=(
        Case(commands.update_profile, being_called_the_same),
        Case(commands.update_profile, acting_on_an_old_version),
        Case(commands.update_profile, having_no_name),
    ),
)
