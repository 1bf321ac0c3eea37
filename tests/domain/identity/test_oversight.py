"""What administrators see, and end, of the sessions and API keys of others."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.database.executor import Database
from app.domain.errors import DomainError, NotAllowed, NotAuthenticated, NotFound
from app.domain.identity import administration, api_key_commands, oversight
from app.domain.identity.administration import AccessChange
from app.domain.identity.api_key import ApiKeyDraft
from app.domain.ids import ApiKeyId, SessionId, UserId, uuid7
from app.domain.pages import PageRequest
from app.domain.users.caller import Caller
from tests.api_key_factories import make_api_key
from tests.domain.identity import key_clocks, stored
from tests.domain.identity.clocks import let_proof_age
from tests.domain.identity.conftest import NewVisitor, Visitor

Attempt = Callable[[Database, Caller, UserId], Awaitable[object]]

PAGE = PageRequest(10)
SOME_SESSION, SOME_KEY = SessionId(uuid7()), ApiKeyId(uuid7())
READS: dict[str, Attempt] = {
    "sessions": lambda database, caller, user_id: oversight.sessions(database.reader, caller, user_id, PAGE),
    "API keys": lambda database, caller, user_id: oversight.api_keys(database.reader, caller, user_id, PAGE),
}
WRITES: dict[str, Attempt] = {
    "end a session": lambda database, caller, user_id: oversight.end_session(database, caller, user_id, SOME_SESSION),
    "end sessions": oversight.end_sessions,
    "revoke a key": lambda database, caller, user_id: oversight.revoke_api_key(database, caller, user_id, SOME_KEY),
    "revoke keys": oversight.revoke_api_keys,
}
EVERY = pytest.mark.parametrize("attempt", [*READS.values(), *WRITES.values()], ids=[*READS, *WRITES])


@pytest.fixture
async def administrator(new_visitor: NewVisitor) -> Visitor:
    return await new_visitor(roles=("admin",))


async def refusal(attempt: Awaitable[object]) -> tuple[type[DomainError], str]:
    with pytest.raises(DomainError) as caught:
        await attempt
    return type(caught.value), caught.value.detail


@EVERY
class TestWhoMay:
    async def test_others_do_not_exist_for_a_user(
        self, database: Database, visitor: Visitor, new_visitor: NewVisitor, attempt: Attempt
    ) -> None:
        other, nobody = (await new_visitor()).user.id, UserId(uuid7())
        found, missing = [await refusal(attempt(database, visitor.caller, who)) for who in (other, nobody)]
        assert (found[0], missing[0]) == (NotFound, NotFound)
        assert found[1].replace(str(other), "") == missing[1].replace(str(nobody), "")

    async def test_of_themselves_a_user_is_told_that_it_is_not_for_them(
        self, database: Database, visitor: Visitor, attempt: Attempt
    ) -> None:
        assert (await refusal(attempt(database, visitor.caller, visitor.user.id)))[0] is NotAllowed

    async def test_a_user_who_does_not_exist_is_not_found(
        self, database: Database, administrator: Visitor, attempt: Attempt
    ) -> None:
        assert (await refusal(attempt(database, administrator.caller, UserId(uuid7()))))[0] is NotFound


class TestSeeing:
    async def test_live_sessions_and_keys_are_shown_and_counted(
        self, database: Database, administrator: Visitor, new_visitor: NewVisitor
    ) -> None:
        ann = await new_visitor()
        phone = await new_visitor(ann.user)
        keys = [(await make_api_key(database, ann.user)).api_key for _ in range(3)]
        sessions = await oversight.sessions(
            database.reader, administrator.caller, ann.user.id, PageRequest(10), with_total=True
        )
        assert [session.id for session in sessions.items] == [phone.caller.own_session, ann.caller.own_session]
        shown = await oversight.api_keys(
            database.reader, administrator.caller, ann.user.id, PageRequest(10), with_total=True
        )
        assert (shown.items, sessions.total, shown.total) == (keys[::-1], 2, 3)
        counted = await oversight.credentials(database.reader, ann.user.id)
        assert (counted.session_count, counted.api_key_count) == (2, 3)


class TestEnding:
    async def test_one_session_ends_and_the_others_go_on(
        self, database: Database, administrator: Visitor, new_visitor: NewVisitor
    ) -> None:
        ann = await new_visitor()
        phone = await new_visitor(ann.user)
        session_id = phone.caller.own_session
        await oversight.end_session(database, administrator.caller, ann.user.id, session_id)
        assert await stored.ending(database, session_id) == "revoked_by_administrator"
        assert await stored.ending(database, ann.caller.own_session) is None
        with pytest.raises(NotFound):
            await oversight.end_session(database, administrator.caller, ann.user.id, session_id)

    async def test_a_session_of_somebody_else_is_not_found_there(
        self, database: Database, administrator: Visitor, new_visitor: NewVisitor
    ) -> None:
        ann, bob = await new_visitor(), await new_visitor()
        with pytest.raises(NotFound):
            await oversight.end_session(database, administrator.caller, ann.user.id, bob.caller.own_session)
        assert await stored.ending(database, bob.caller.own_session) is None

    async def test_all_sessions_end_and_keys_go_on_and_the_other_way_round(
        self, database: Database, administrator: Visitor, new_visitor: NewVisitor
    ) -> None:
        ann, bob = await new_visitor(), await new_visitor()
        keys = [(await make_api_key(database, person.user)).api_key for person in (ann, ann, bob)]
        await oversight.end_sessions(database, administrator.caller, ann.user.id)
        assert await stored.ending(database, ann.caller.own_session) == "revoked_by_administrator"
        assert [await key_clocks.ending(database, key.id) for key in keys] == [None, None, None]
        await oversight.revoke_api_keys(database, administrator.caller, ann.user.id)
        by_administrator = "revoked_by_administrator"
        assert [await key_clocks.ending(database, key.id) for key in keys] == [by_administrator, by_administrator, None]
        assert await stored.ending(database, bob.caller.own_session) is None

    async def test_where_there_is_nothing_nothing_happens(
        self, database: Database, administrator: Visitor, visitor: Visitor
    ) -> None:
        for _ in range(2):
            await oversight.end_sessions(database, administrator.caller, visitor.user.id)
            await oversight.revoke_api_keys(database, administrator.caller, visitor.user.id)

    async def test_a_key_of_somebody_else_is_not_found_there(
        self, database: Database, administrator: Visitor, new_visitor: NewVisitor
    ) -> None:
        ann, bob = await new_visitor(), await new_visitor()
        his = (await make_api_key(database, bob.user)).api_key
        with pytest.raises(NotFound):
            await oversight.revoke_api_key(database, administrator.caller, ann.user.id, his.id)
        assert await key_clocks.ending(database, his.id) is None


@pytest.mark.parametrize("attempt", WRITES.values(), ids=WRITES)
async def test_ending_takes_a_fresh_session(
    database: Database, administrator: Visitor, visitor: Visitor, attempt: Attempt
) -> None:
    await let_proof_age(database, administrator.caller.own_session)
    with pytest.raises(NotAuthenticated) as caught:
        await attempt(database, administrator.caller, visitor.user.id)
    assert caught.value.code == "STEP_UP_REQUIRED"
    assert await stored.ending(database, visitor.caller.own_session) is None


class TestRaces:
    @pytest.mark.parametrize("attempt", WRITES.values(), ids=WRITES)
    async def test_who_was_demoted_meanwhile_ends_nothing(
        self, database: Database, administrator: Visitor, new_visitor: NewVisitor, visitor: Visitor, attempt: Attempt
    ) -> None:
        other = await new_visitor(roles=("admin",))
        await administration.change_access(database, administrator.caller, other.user.id, AccessChange(roles=[]))
        assert (await refusal(attempt(database, other.caller, visitor.user.id)))[0] is NotAllowed
        assert await stored.ending(database, visitor.caller.own_session) is None

    async def test_no_key_slips_through_a_deactivation(
        self, database: Database, administrator: Visitor, new_visitor: NewVisitor
    ) -> None:
        """Either it is made before and ended with the others, or it is not made."""
        for _ in range(5):
            ann = await new_visitor()
            change, draft = AccessChange(is_active=False), ApiKeyDraft("x", ["todos:read"])
            await asyncio.gather(
                *(api_key_commands.create(database, ann.caller, draft) for _ in range(3)),
                administration.change_access(database, administrator.caller, ann.user.id, change),
                *(api_key_commands.create(database, ann.caller, draft) for _ in range(3)),
                return_exceptions=True,
            )
            assert (await oversight.credentials(database.reader, ann.user.id)).api_key_count == 0
