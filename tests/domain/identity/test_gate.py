"""Who gets in, request by request."""

import asyncio

import pytest

from app.database.executor import Database
from app.domain.errors import NotAuthenticated
from app.domain.identity import administration, commands
from app.domain.identity.administration import AccessChange
from app.domain.identity.authority import Authority
from app.domain.identity.gate import SessionGate
from app.domain.ids import SessionId, uuid7
from app.domain.teams import repository as teams_repository
from app.domain.users import commands as user_commands
from app.domain.users.user import ProfileChange
from tests.domain.identity.clocks import let_absolute_expiry_pass, let_idle_expiry_pass
from tests.domain.identity.conftest import NewVisitor, Visitor


async def refusal(gate: SessionGate, token: str) -> str:
    with pytest.raises(NotAuthenticated) as caught:
        await gate.caller(token)
    return caught.value.code


@pytest.fixture
def other_gate(database: Database, authority: Authority) -> SessionGate:
    """The gate of another worker."""
    return SessionGate(database.reader, authority.access_tokens)


class TestCaller:
    async def test_the_personal_team_is_known(self, database: Database, visitor: Visitor) -> None:
        by_id = await teams_repository.get(database.reader, visitor.user.id, visitor.caller.personal_team_id)
        assert by_id is not None
        assert (by_id.is_personal, by_id.role) == (True, "owner")

    async def test_a_token_of_a_live_session_lets_in(self, gate: SessionGate, new_visitor: NewVisitor) -> None:
        visitor = await new_visitor(timezone="Europe/Berlin", roles=("admin",))
        caller = await gate.caller(visitor.tokens.access_token)
        assert (caller.user_id, caller.timezone, caller.is_administrator) == (visitor.user.id, "Europe/Berlin", True)
        assert caller.own_session == visitor.caller.own_session

    async def test_concurrent_requests_share_one_statement(
        self, database: Database, gate: SessionGate, new_visitor: NewVisitor
    ) -> None:
        visitors = [await new_visitor() for _ in range(5)]
        with database.observed() as statements:
            callers = await asyncio.gather(*(gate.caller(visitor.tokens.access_token) for visitor in visitors * 3))
        assert [caller.user_id for caller in callers] == [visitor.user.id for visitor in visitors * 3]
        assert statements == ["sessions.present"]

    async def test_one_bad_token_does_not_spoil_the_batch(
        self, database: Database, gate: SessionGate, new_visitor: NewVisitor
    ) -> None:
        gone, here = await new_visitor(), await new_visitor()
        await commands.log_out(database, gone.caller)
        outcomes = await asyncio.gather(
            gate.caller(gone.tokens.access_token),
            gate.caller("nonsense"),
            gate.caller(here.tokens.access_token),
            return_exceptions=True,
        )
        assert [getattr(outcome, "code", None) for outcome in outcomes] == ["SESSION_ENDED", "INVALID_TOKEN", None]

    async def test_a_session_that_never_was_is_refused(
        self, gate: SessionGate, authority: Authority, visitor: Visitor
    ) -> None:
        token = authority.access_tokens.issue(visitor.user.id, SessionId(uuid7()))
        assert await refusal(gate, token) == "SESSION_ENDED"

    async def test_a_session_of_somebody_else_is_refused(
        self, gate: SessionGate, authority: Authority, new_visitor: NewVisitor
    ) -> None:
        ann, bob = await new_visitor(), await new_visitor()
        token = authority.access_tokens.issue(ann.user.id, bob.caller.own_session)
        assert await refusal(gate, token) == "SESSION_ENDED"


class TestAtOnce:
    """What is changed through one worker holds on the next request in every other."""

    async def test_logout(self, database: Database, other_gate: SessionGate, visitor: Visitor) -> None:
        await other_gate.caller(visitor.tokens.access_token)
        await commands.log_out(database, visitor.caller)
        assert await refusal(other_gate, visitor.tokens.access_token) == "SESSION_ENDED"

    async def test_deactivation(
        self, database: Database, other_gate: SessionGate, visitor: Visitor, new_visitor: NewVisitor
    ) -> None:
        await other_gate.caller(visitor.tokens.access_token)
        administrator = await new_visitor(roles=("admin",))
        change = AccessChange(is_active=False)
        await administration.change_access(database, administrator.caller, visitor.user.id, change)
        assert await refusal(other_gate, visitor.tokens.access_token) == "SESSION_ENDED"

    async def test_demotion(self, database: Database, other_gate: SessionGate, new_visitor: NewVisitor) -> None:
        administrator, other = await new_visitor(roles=("admin",)), await new_visitor(roles=("admin",))
        assert (await other_gate.caller(other.tokens.access_token)).is_administrator
        await administration.change_access(database, administrator.caller, other.user.id, AccessChange(roles=[]))
        assert not (await other_gate.caller(other.tokens.access_token)).is_administrator

    async def test_another_time_zone(self, database: Database, other_gate: SessionGate, visitor: Visitor) -> None:
        await user_commands.update_profile(database, visitor.caller, ProfileChange(timezone="Asia/Tokyo"))
        assert (await other_gate.caller(visitor.tokens.access_token)).timezone == "Asia/Tokyo"


class TestExpiry:
    async def test_an_idle_session_has_ended(self, database: Database, gate: SessionGate, visitor: Visitor) -> None:
        await let_idle_expiry_pass(database, visitor.caller.own_session)
        assert await refusal(gate, visitor.tokens.access_token) == "SESSION_ENDED"

    async def test_an_old_session_has_ended(self, database: Database, gate: SessionGate, visitor: Visitor) -> None:
        await let_absolute_expiry_pass(database, visitor.caller.own_session)
        assert await refusal(gate, visitor.tokens.access_token) == "SESSION_ENDED"
