"""What people change about themselves."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from app.database.executor import Database
from app.domain.errors import Invalid, NotFound, Stale
from app.domain.ids import UserId
from app.domain.users import commands, repository
from app.domain.users.user import ProfileChange
from tests.factories import make_user
from tests.team_factories import caller_for, make_caller


class TestUpdateProfile:
    async def test_what_is_given_changes_and_the_rest_stays(self, database: Database) -> None:
        user = await make_user(database, name="Ann", timezone="Europe/Berlin")
        caller = await caller_for(database, user)
        changed = await commands.update_profile(database, caller, ProfileChange(name=" Zoë ", locale="de-CH"))
        assert (changed.name, changed.locale, changed.timezone) == ("Zoë", "de-CH", "Europe/Berlin")
        assert changed.version == user.version + 1
        assert changed.updated_at > user.updated_at
        assert await repository.by_id(database.reader, user.id) == changed

    @pytest.mark.parametrize("change", [ProfileChange(), ProfileChange(name="Ann", timezone="UTC", locale="en")])
    async def test_what_changes_nothing_leaves_the_version(self, database: Database, change: ProfileChange) -> None:
        user = await make_user(database, name="Ann")
        assert await commands.update_profile(database, await caller_for(database, user), change) == user

    async def test_a_version_that_is_not_the_current_one_is_stale(self, database: Database) -> None:
        user = await make_user(database)
        caller = await caller_for(database, user)
        with pytest.raises(Stale):
            await commands.update_profile(database, caller, ProfileChange(name="Zoë"), expected=frozenset({2}))
        assert await repository.by_id(database.reader, user.id) == user

    async def test_one_of_the_expected_versions_is_enough(self, database: Database) -> None:
        caller = await make_caller(database)
        change = ProfileChange(name="Zoë")
        assert (await commands.update_profile(database, caller, change, expected=frozenset({7, 1}))).version == 2

    async def test_of_two_changes_on_one_version_one_is_stale(self, database: Database) -> None:
        caller = await make_caller(database)
        outcomes = await asyncio.gather(
            *(
                commands.update_profile(database, caller, ProfileChange(name=name), expected=frozenset({1}))
                for name in ("Zoë", "Ute")
            ),
            return_exceptions=True,
        )
        assert sorted(isinstance(outcome, Stale) for outcome in outcomes) == [False, True]

    async def test_every_fault_is_named(self, database: Database) -> None:
        caller = await make_caller(database)
        with pytest.raises(Invalid) as caught:
            await commands.update_profile(
                database, caller, ProfileChange(name=" ", timezone="Mars/Olympus", locale="EN")
            )
        assert {field.pointer for field in caught.value.fields} == {"#/name", "#/timezone", "#/locale"}

    async def test_somebody_who_was_erased_is_not_found(self, database: Database) -> None:
        caller = await make_caller(database)
        gone = replace(caller, user_id=UserId(uuid4()))
        with pytest.raises(NotFound):
            await commands.update_profile(database, gone, ProfileChange(name="Zoë"))
