"""What administrators decide about others."""

import asyncio

import pytest

from app.database.executor import Database
from app.domain.errors import Conflict, Invalid, NotAllowed, NotAuthenticated, NotFound, Stale
from app.domain.identity import administration
from app.domain.identity.administration import AccessChange
from app.domain.ids import UserId, uuid7
from app.domain.users import repository
from tests.api_key_factories import make_api_key
from tests.domain.identity import key_clocks, stored
from tests.domain.identity.clocks import let_proof_age
from tests.domain.identity.conftest import NewVisitor, Visitor
from tests.factories import make_user


@pytest.fixture
async def administrator(new_visitor: NewVisitor) -> Visitor:
    return await new_visitor(roles=("admin",))


class TestChangeAccess:
    async def test_roles_are_given_and_taken(self, database: Database, administrator: Visitor) -> None:
        user = await make_user(database)
        promoted = await administration.change_access(
            database, administrator.caller, user.id, AccessChange(roles=["admin", "admin"])
        )
        assert (promoted.roles, promoted.version) == (["admin"], 2)
        demoted = await administration.change_access(database, administrator.caller, user.id, AccessChange(roles=[]))
        assert (demoted.roles, demoted.version) == ([], 3)

    async def test_letting_out_ends_all_sessions_with_it(
        self, database: Database, administrator: Visitor, new_visitor: NewVisitor
    ) -> None:
        here = await new_visitor()
        there = await new_visitor(here.user)
        change = AccessChange(is_active=False)
        changed = await administration.change_access(database, administrator.caller, here.user.id, change)
        assert (changed.is_active, changed.version) == (False, 2)
        for session in (here, there):
            assert await stored.ending(database, session.caller.own_session) == "deactivated"

    async def test_letting_in_again_revives_no_session(
        self, database: Database, administrator: Visitor, visitor: Visitor
    ) -> None:
        for is_active in (False, True):
            change = AccessChange(is_active=is_active)
            changed = await administration.change_access(database, administrator.caller, visitor.user.id, change)
            assert changed.is_active == is_active
        assert await stored.ending(database, visitor.caller.own_session) == "deactivated"

    async def test_what_changes_nothing_leaves_the_version(self, database: Database, administrator: Visitor) -> None:
        user = await make_user(database)
        for change in (AccessChange(), AccessChange(is_active=True, roles=[])):
            assert await administration.change_access(database, administrator.caller, user.id, change) == user

    async def test_a_stale_version_changes_nothing(
        self, database: Database, administrator: Visitor, visitor: Visitor
    ) -> None:
        with pytest.raises(Stale):
            await administration.change_access(
                database,
                administrator.caller,
                visitor.user.id,
                AccessChange(is_active=False),
                expected=frozenset({2}),
            )
        assert await repository.by_id(database.reader, visitor.user.id) == visitor.user
        assert await stored.ending(database, visitor.caller.own_session) is None

    async def test_an_unknown_role_is_refused(self, database: Database, administrator: Visitor) -> None:
        user = await make_user(database)
        with pytest.raises(Invalid):
            await administration.change_access(database, administrator.caller, user.id, AccessChange(roles=["king"]))

    async def test_a_user_who_does_not_exist_is_not_found(self, database: Database, administrator: Visitor) -> None:
        with pytest.raises(NotFound):
            await administration.change_access(database, administrator.caller, UserId(uuid7()), AccessChange(roles=[]))

    async def test_it_takes_a_fresh_session(self, database: Database, administrator: Visitor, visitor: Visitor) -> None:
        await let_proof_age(database, administrator.caller.own_session)
        with pytest.raises(NotAuthenticated) as caught:
            await administration.change_access(
                database, administrator.caller, visitor.user.id, AccessChange(roles=["admin"])
            )
        assert caught.value.code == "STEP_UP_REQUIRED"
        assert await repository.by_id(database.reader, visitor.user.id) == visitor.user

    async def test_letting_out_ends_all_keys_with_it(
        self, database: Database, administrator: Visitor, visitor: Visitor
    ) -> None:
        key = (await make_api_key(database, visitor.user)).api_key
        change = AccessChange(is_active=False)
        await administration.change_access(database, administrator.caller, visitor.user.id, change)
        assert await key_clocks.ending(database, key.id) == "deactivated"


class TestWhoMay:
    async def test_others_do_not_exist_for_a_user(self, database: Database, visitor: Visitor) -> None:
        other = await make_user(database)
        with pytest.raises(NotFound):
            await administration.change_access(database, visitor.caller, other.id, AccessChange(roles=["admin"]))

    async def test_nobody_makes_themselves_an_administrator(self, database: Database, visitor: Visitor) -> None:
        with pytest.raises(NotAllowed):
            await administration.change_access(database, visitor.caller, visitor.user.id, AccessChange(roles=["admin"]))

    @pytest.mark.parametrize("change", [AccessChange(is_active=False), AccessChange(roles=[])])
    async def test_administrators_cannot_lock_themselves_out(
        self, database: Database, administrator: Visitor, change: AccessChange
    ) -> None:
        with pytest.raises(Conflict) as caught:
            await administration.change_access(database, administrator.caller, administrator.user.id, change)
        assert caught.value.code == "OWN_ACCESS"
        assert await repository.by_id(database.reader, administrator.user.id) == administrator.user

    async def test_of_two_who_demote_each_other_one_is_left(self, database: Database, new_visitor: NewVisitor) -> None:
        for _ in range(5):
            ann, bob = await new_visitor(roles=("admin",)), await new_visitor(roles=("admin",))
            outcomes = await asyncio.gather(
                administration.change_access(database, ann.caller, bob.user.id, AccessChange(roles=[])),
                administration.change_access(database, bob.caller, ann.user.id, AccessChange(is_active=False)),
                return_exceptions=True,
            )
            assert sorted(isinstance(outcome, NotAllowed) for outcome in outcomes) == [False, True]
