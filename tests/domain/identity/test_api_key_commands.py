"""Giving out API keys and taking them back."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from app.database.executor import Database
from app.domain.errors import Conflict, Invalid, NotAllowed, NotAuthenticated, NotFound
from app.domain.identity import administration, api_key_repository, queries
from app.domain.identity import api_key_commands as commands
from app.domain.identity.administration import AccessChange
from app.domain.identity.api_key import KEYS_MAXIMUM, ApiKeyDraft
from app.domain.identity.api_key_gate import ApiKeyGate
from app.domain.ids import ApiKeyId, UserId, uuid7
from app.domain.pages import PageRequest
from app.domain.users.caller import Caller
from tests.domain.identity import key_clocks
from tests.domain.identity.clocks import let_proof_age
from tests.domain.identity.conftest import NewVisitor, Visitor

DRAFT = ApiKeyDraft("Nightly report", ["todos:read", "projects:read"])


@pytest.fixture
async def administrator(new_visitor: NewVisitor) -> Visitor:
    return await new_visitor(roles=("admin",))


async def faults(database: Database, caller: Caller, draft: ApiKeyDraft) -> list[tuple[str | None, str]]:
    with pytest.raises(Invalid) as caught:
        await commands.create(database, caller, draft)
    return [(fault.pointer, fault.code) for fault in caught.value.fields]


class TestCreate:
    async def test_it_is_as_it_was_asked_for(self, database: Database, visitor: Visitor) -> None:
        draft = ApiKeyDraft("  Nightly report ", ["todos:read", "projects:read", "todos:read"], timedelta(days=30))
        key = (await commands.create(database, visitor.caller, draft)).api_key
        assert (key.name, key.scopes) == ("Nightly report", ["projects:read", "todos:read"])
        assert key.expires_at - key.created_at == timedelta(days=30)
        assert (key.last_used_at, key.last_used_address) == (None, None)

    async def test_it_opens_at_once_for_its_user_and_no_more_than_its_scopes(
        self, database: Database, visitor: Visitor
    ) -> None:
        issued = await commands.create(database, visitor.caller, DRAFT)
        caller = (await ApiKeyGate(database.reader).known(issued.token)).caller
        assert (caller.user_id, caller.session_id, caller.token_id) == (visitor.user.id, None, issued.api_key.id)
        assert caller.scopes == frozenset(DRAFT.scopes)
        assert caller.team_ids == visitor.caller.team_ids

    async def test_the_key_itself_is_stored_nowhere(self, database: Database, visitor: Visitor) -> None:
        issued = await commands.create(database, visitor.caller, DRAFT)
        held = repr(await key_clocks.stored(database, issued.api_key.id))
        assert str(issued.api_key.id) in held
        assert issued.token[9:20] not in held

    async def test_every_fault_is_told_at_once(self, database: Database, visitor: Visitor) -> None:
        assert await faults(database, visitor.caller, ApiKeyDraft(" ", [])) == [
            ("#/name", "LENGTH"),
            ("#/scopes", "NO_SCOPE"),
        ]

    @pytest.mark.parametrize("scope", ["account", "users:admin", "todos:*", "admin", ""])
    async def test_some_scopes_no_key_can_have(self, database: Database, administrator: Visitor, scope: str) -> None:
        found = await faults(database, administrator.caller, ApiKeyDraft("x", ["todos:read", scope]))
        assert found == [("#/scopes", "UNKNOWN_SCOPE")]

    @pytest.mark.parametrize("scope", ["users:read", "operations:read"])
    async def test_a_scope_beyond_ones_role_does_not_wait_for_a_promotion(
        self, database: Database, visitor: Visitor, administrator: Visitor, scope: str
    ) -> None:
        draft = ApiKeyDraft("x", ["todos:read", scope])
        assert await faults(database, visitor.caller, draft) == [("#/scopes", "SCOPE_BEYOND_ROLE")]
        assert (await commands.create(database, administrator.caller, draft)).api_key.scopes == sorted(draft.scopes)

    async def test_the_role_counts_that_they_have_now(
        self, database: Database, administrator: Visitor, new_visitor: NewVisitor
    ) -> None:
        """Not the one that the caller had when the request came in."""
        other = await new_visitor(roles=("admin",))
        await administration.change_access(database, administrator.caller, other.user.id, AccessChange(roles=[]))
        found = await faults(database, other.caller, ApiKeyDraft("x", ["users:read"]))
        assert found == [("#/scopes", "SCOPE_BEYOND_ROLE")]

    async def test_a_key_makes_no_keys(self, database: Database, visitor: Visitor) -> None:
        issued = await commands.create(database, visitor.caller, DRAFT)
        holder = (await ApiKeyGate(database.reader).known(issued.token)).caller
        for attempt in (commands.create(database, holder, DRAFT), commands.rotate(database, holder, issued.api_key.id)):
            with pytest.raises(NotAllowed) as caught:
                await attempt
            assert caught.value.code == "SESSION_REQUIRED"

    @pytest.mark.parametrize("lives", [timedelta(0), timedelta(days=-1), timedelta(days=366)])
    async def test_none_lives_for_ever(self, database: Database, visitor: Visitor, lives: timedelta) -> None:
        with pytest.raises(ValueError, match="at most 365 days"):
            await commands.create(database, visitor.caller, ApiKeyDraft("x", ["todos:read"], lives))

    async def test_it_takes_a_fresh_session(self, database: Database, visitor: Visitor) -> None:
        old = (await commands.create(database, visitor.caller, DRAFT)).api_key
        await let_proof_age(database, visitor.caller.own_session)
        for attempt in (
            commands.create(database, visitor.caller, DRAFT),
            commands.rotate(database, visitor.caller, old.id),
        ):
            with pytest.raises(NotAuthenticated) as caught:
                await attempt
            assert caught.value.code == "STEP_UP_REQUIRED"
        await commands.revoke(database, visitor.caller, old.id)

    async def test_somebody_who_was_let_out_meanwhile_gets_none(
        self, database: Database, visitor: Visitor, administrator: Visitor
    ) -> None:
        change = AccessChange(is_active=False)
        await administration.change_access(database, administrator.caller, visitor.user.id, change)
        with pytest.raises(NotAuthenticated):
            await commands.create(database, visitor.caller, DRAFT)

    async def test_somebody_who_does_not_exist_gets_none(self, database: Database, visitor: Visitor) -> None:
        with pytest.raises(NotAuthenticated):
            await commands.create(database, replace(visitor.caller, user_id=UserId(uuid7())), DRAFT)


class TestBound:
    async def test_that_many_live_and_no_more_however_many_are_asked_for_at_once(
        self, database: Database, visitor: Visitor
    ) -> None:
        for _ in range(KEYS_MAXIMUM - 3):
            await commands.create(database, visitor.caller, DRAFT)
        outcomes = await asyncio.gather(
            *(commands.create(database, visitor.caller, DRAFT) for _ in range(10)), return_exceptions=True
        )
        refused = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
        assert (len(refused), {refusal.code for refusal in refused}) == (7, {"TOO_MANY_API_KEYS"})
        assert await api_key_repository.count(database.reader, visitor.user.id) == KEYS_MAXIMUM

    async def test_those_that_ended_leave_room(self, database: Database, visitor: Visitor) -> None:
        issued = [await commands.create(database, visitor.caller, DRAFT) for _ in range(KEYS_MAXIMUM)]
        await commands.revoke(database, visitor.caller, issued[0].api_key.id)
        await key_clocks.let_time_pass(database, issued[1].api_key.id, timedelta(days=91))
        for _ in range(2):
            await commands.create(database, visitor.caller, DRAFT)
        with pytest.raises(Conflict):
            await commands.create(database, visitor.caller, DRAFT)

    async def test_everybody_has_their_own(self, database: Database, new_visitor: NewVisitor) -> None:
        ann, bob = await new_visitor(), await new_visitor()
        for _ in range(KEYS_MAXIMUM):
            await commands.create(database, ann.caller, DRAFT)
        await commands.create(database, bob.caller, DRAFT)


class TestRotate:
    async def test_the_new_one_is_as_the_old_one_was(self, database: Database, visitor: Visitor) -> None:
        draft = ApiKeyDraft("Backup", ["todos:read", "tags:read"], timedelta(days=7))
        old = await commands.create(database, visitor.caller, draft)
        await key_clocks.let_time_pass(database, old.api_key.id, timedelta(days=5))
        new = await commands.rotate(database, visitor.caller, old.api_key.id)
        assert (new.api_key.name, new.api_key.scopes) == ("Backup", ["tags:read", "todos:read"])
        assert new.api_key.expires_at - new.api_key.created_at == timedelta(days=7)
        assert new.api_key.id != old.api_key.id
        assert new.token != old.token

    async def test_the_old_one_is_refused_at_once(self, database: Database, visitor: Visitor) -> None:
        gate = ApiKeyGate(database.reader)
        old = await commands.create(database, visitor.caller, DRAFT)
        await gate.known(old.token)
        new = await commands.rotate(database, visitor.caller, old.api_key.id)
        assert (await gate.known(new.token)).caller.token_id == new.api_key.id
        with pytest.raises(NotAuthenticated):
            await gate.known(old.token)
        assert await key_clocks.ending(database, old.api_key.id) == "rotated"

    async def test_of_two_at_once_one_succeeds(self, database: Database, visitor: Visitor) -> None:
        old = (await commands.create(database, visitor.caller, DRAFT)).api_key
        outcomes = await asyncio.gather(
            *(commands.rotate(database, visitor.caller, old.id) for _ in range(4)), return_exceptions=True
        )
        assert sum(isinstance(outcome, NotFound) for outcome in outcomes) == 3
        assert await api_key_repository.count(database.reader, visitor.user.id) == 1

    async def test_a_demoted_administrator_does_not_renew_what_they_lost(
        self, database: Database, administrator: Visitor, new_visitor: NewVisitor
    ) -> None:
        other = await new_visitor(roles=("admin",))
        old = (await commands.create(database, other.caller, ApiKeyDraft("x", ["users:read"]))).api_key
        await administration.change_access(database, administrator.caller, other.user.id, AccessChange(roles=[]))
        with pytest.raises(Invalid):
            await commands.rotate(database, other.caller, old.id)
        assert await key_clocks.ending(database, old.id) is None

    async def test_those_of_others_and_those_that_ended_do_not_exist(
        self, database: Database, new_visitor: NewVisitor
    ) -> None:
        ann, bob = await new_visitor(), await new_visitor()
        his, over = [(await commands.create(database, bob.caller, DRAFT)).api_key for _ in range(2)]
        await key_clocks.let_time_pass(database, over.id, timedelta(days=91))
        for caller, api_key_id in ((ann.caller, his.id), (bob.caller, over.id), (ann.caller, ApiKeyId(uuid7()))):
            with pytest.raises(NotFound):
                await commands.rotate(database, caller, api_key_id)
        assert await key_clocks.ending(database, his.id) is None


class TestRevoke:
    async def test_twice_is_not_found(self, database: Database, visitor: Visitor) -> None:
        key = (await commands.create(database, visitor.caller, DRAFT)).api_key
        await commands.revoke(database, visitor.caller, key.id)
        with pytest.raises(NotFound):
            await commands.revoke(database, visitor.caller, key.id)
        assert await key_clocks.ending(database, key.id) == "revoked"

    async def test_nobody_revokes_those_of_others(self, database: Database, new_visitor: NewVisitor) -> None:
        ann, bob = await new_visitor(), await new_visitor()
        his = (await commands.create(database, bob.caller, DRAFT)).api_key
        with pytest.raises(NotFound):
            await commands.revoke(database, ann.caller, his.id)
        assert await key_clocks.ending(database, his.id) is None


class TestLists:
    async def test_live_ones_are_shown_newest_first_in_pages_on_and_back(
        self, database: Database, new_visitor: NewVisitor
    ) -> None:
        ann, bob = await new_visitor(), await new_visitor()
        await commands.create(database, bob.caller, DRAFT)
        keys = [(await commands.create(database, ann.caller, replace_name(str(n)))).api_key for n in range(6)]
        await commands.revoke(database, ann.caller, keys.pop().id)
        whole = await queries.api_keys(database.reader, ann.caller, PageRequest(10), with_total=True)
        assert (whole.items, whole.total) == (keys[::-1], 5)
        first = await queries.api_keys(database.reader, ann.caller, PageRequest(2))
        second = await queries.api_keys(database.reader, ann.caller, PageRequest(2, first.next))
        third = await queries.api_keys(database.reader, ann.caller, PageRequest(2, second.next))
        assert [*first.items, *second.items, *third.items] == whole.items
        back = await queries.api_keys(database.reader, ann.caller, PageRequest(2, third.previous))
        assert back.items == second.items

    async def test_one_is_its_users_alone(self, database: Database, new_visitor: NewVisitor) -> None:
        ann, bob = await new_visitor(), await new_visitor()
        key = (await commands.create(database, ann.caller, DRAFT)).api_key
        assert await queries.api_key(database.reader, ann.caller, key.id) == key
        with pytest.raises(NotFound):
            await queries.api_key(database.reader, bob.caller, key.id)


class TestPurge:
    async def test_only_what_ended_more_than_thirty_days_ago_is_deleted(
        self, database: Database, visitor: Visitor
    ) -> None:
        revoked, expired, just_expired, live = [
            (await commands.create(database, visitor.caller, DRAFT)).api_key for _ in range(4)
        ]
        await commands.revoke(database, visitor.caller, revoked.id)
        await key_clocks.let_time_pass(database, revoked.id, timedelta(days=31))
        await key_clocks.let_time_pass(database, expired.id, timedelta(days=121))
        await key_clocks.let_time_pass(database, just_expired.id, timedelta(days=119))
        assert await commands.purge_ended(database) >= 2
        left = [await key_clocks.stored(database, key.id) is not None for key in (revoked, expired, just_expired, live)]
        assert left == [False, False, True, True]


def replace_name(name: str) -> ApiKeyDraft:
    return ApiKeyDraft(name, DRAFT.scopes)
