"""Who gets in with an API key, request by request."""

import asyncio
from datetime import timedelta

import pytest

from app.database.executor import Database
from app.domain.errors import NotAuthenticated
from app.domain.identity import administration, api_key_gate, api_key_text, commands, oversight
from app.domain.identity import api_key_commands as keys
from app.domain.identity.administration import AccessChange
from app.domain.identity.api_key_gate import ApiKeyGate
from app.domain.identity.authority import Authority
from app.domain.second_factors.keys import FactorKeys
from app.domain.users import commands as user_commands
from app.domain.users.user import ProfileChange
from tests.api_key_factories import make_api_key
from tests.domain.identity.conftest import NewVisitor, Visitor
from tests.domain.identity.key_clocks import let_time_pass
from tests.factories import PASSWORD


async def refusal(key_gate: ApiKeyGate, key: str) -> str:
    with pytest.raises(NotAuthenticated) as caught:
        await key_gate.known(key)
    return caught.value.code


@pytest.fixture
def key_gate(database: Database) -> ApiKeyGate:
    return ApiKeyGate(database.reader)


@pytest.fixture
async def administrator(new_visitor: NewVisitor) -> Visitor:
    return await new_visitor(roles=("admin",))


class TestKnown:
    async def test_it_is_the_user_as_they_are_now(
        self, database: Database, key_gate: ApiKeyGate, new_visitor: NewVisitor
    ) -> None:
        visitor = await new_visitor(timezone="Europe/Berlin", roles=("admin",))
        issued = await make_api_key(database, visitor.user)
        known = await key_gate.known(issued.token)
        assert (known.caller.user_id, known.caller.timezone) == (visitor.user.id, "Europe/Berlin")
        assert known.caller.personal_team_id == visitor.caller.personal_team_id
        assert known.caller.is_administrator
        assert known.caller_id == str(visitor.user.id)

    async def test_its_answers_are_its_own(self, database: Database, key_gate: ApiKeyGate, visitor: Visitor) -> None:
        first, second = [await key_gate.known((await make_api_key(database, visitor.user)).token) for _ in range(2)]
        assert len({first.answers_of, second.answers_of, str(visitor.user.id)}) == 3

    async def test_the_first_look_takes_two_statements_and_every_other_one(
        self, database: Database, key_gate: ApiKeyGate, visitor: Visitor
    ) -> None:
        issued = await make_api_key(database, visitor.user)
        with database.observed() as statements:
            for _ in range(3):
                await key_gate.known(issued.token)
        assert statements == ["api_keys.holders", *["api_keys.present"] * 3]

    async def test_concurrent_requests_share_their_statements(
        self, database: Database, key_gate: ApiKeyGate, visitor: Visitor
    ) -> None:
        issued = [await make_api_key(database, visitor.user) for _ in range(5)]
        with database.observed() as statements:
            found = await asyncio.gather(*(key_gate.known(each.token) for each in issued * 3))
        assert [known.caller.token_id for known in found] == [each.api_key.id for each in issued * 3]
        assert statements == ["api_keys.holders", "api_keys.present"]

    async def test_what_was_never_a_key_is_refused_without_asking_anybody(
        self, database: Database, key_gate: ApiKeyGate, visitor: Visitor
    ) -> None:
        key = (await make_api_key(database, visitor.user)).token
        slip = key[:-1] + ("0" if key[-1] != "0" else "1")
        with database.observed() as statements:
            for text in (slip, "todo_pat_", "todo_pat_" + "x" * 5000, key + " ", key.upper()):
                assert await refusal(key_gate, text) == "INVALID_TOKEN"
        assert statements == []

    async def test_a_well_formed_one_that_nobody_was_given_is_refused(self, key_gate: ApiKeyGate) -> None:
        assert await refusal(key_gate, api_key_text.fresh()) == "INVALID_TOKEN"

    async def test_strangers_do_not_make_it_forget_or_grow(
        self, database: Database, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(api_key_gate, "REMEMBERED_MAXIMUM", 3)
        key_gate = ApiKeyGate(database.reader)
        issued = [await make_api_key(database, visitor.user) for _ in range(5)]
        for each in issued:
            await key_gate.known(each.token)
            await refusal(key_gate, api_key_text.fresh())
        assert len(key_gate._remembered) == 3
        with database.observed() as statements:
            await key_gate.known(issued[-1].token)
        assert statements == ["api_keys.present"]


class TestAtOnce:
    """What is changed through one worker holds on the next request in every other."""

    async def test_revocation_by_the_user(self, database: Database, key_gate: ApiKeyGate, visitor: Visitor) -> None:
        issued = await make_api_key(database, visitor.user)
        await key_gate.known(issued.token)
        await keys.revoke(database, visitor.caller, issued.api_key.id)
        assert await refusal(key_gate, issued.token) == "API_KEY_ENDED"

    async def test_revocation_by_an_administrator(
        self, database: Database, key_gate: ApiKeyGate, visitor: Visitor, administrator: Visitor
    ) -> None:
        one, other = [await make_api_key(database, visitor.user) for _ in range(2)]
        await oversight.revoke_api_key(database, administrator.caller, visitor.user.id, one.api_key.id)
        assert await refusal(key_gate, one.token) == "API_KEY_ENDED"
        await key_gate.known(other.token)
        await oversight.revoke_api_keys(database, administrator.caller, visitor.user.id)
        assert await refusal(key_gate, other.token) == "API_KEY_ENDED"

    async def test_deactivation_and_for_good(
        self, database: Database, key_gate: ApiKeyGate, visitor: Visitor, administrator: Visitor
    ) -> None:
        issued = await make_api_key(database, visitor.user)
        for is_active in (False, True):
            change = AccessChange(is_active=is_active)
            await administration.change_access(database, administrator.caller, visitor.user.id, change)
            assert await refusal(key_gate, issued.token) == "API_KEY_ENDED"

    async def test_demotion(
        self, database: Database, key_gate: ApiKeyGate, administrator: Visitor, new_visitor: NewVisitor
    ) -> None:
        other = await new_visitor(roles=("admin",))
        issued = await make_api_key(database, other.user, ["users:read"])
        assert (await key_gate.known(issued.token)).caller.is_administrator
        await administration.change_access(database, administrator.caller, other.user.id, AccessChange(roles=[]))
        assert not (await key_gate.known(issued.token)).caller.is_administrator

    async def test_another_time_zone(self, database: Database, key_gate: ApiKeyGate, visitor: Visitor) -> None:
        issued = await make_api_key(database, visitor.user)
        await user_commands.update_profile(database, visitor.caller, ProfileChange(timezone="Asia/Tokyo"))
        assert (await key_gate.known(issued.token)).caller.timezone == "Asia/Tokyo"


class TestOutlasts:
    async def test_the_sessions_of_its_user(self, database: Database, key_gate: ApiKeyGate, visitor: Visitor) -> None:
        issued = await make_api_key(database, visitor.user)
        await commands.log_out_everywhere(database, visitor.caller)
        assert (await key_gate.known(issued.token)).caller.user_id == visitor.user.id

    async def test_a_new_password(
        self, database: Database, authority: Authority, keys: FactorKeys, key_gate: ApiKeyGate, visitor: Visitor
    ) -> None:
        issued = await make_api_key(database, visitor.user)
        await commands.change_password(
            database,
            authority,
            keys.cipher,
            visitor.caller,
            current_password=PASSWORD,
            new_password="blue penguin umbrella",
        )
        assert (await key_gate.known(issued.token)).caller.user_id == visitor.user.id


class TestExpiry:
    async def test_it_ends_at_its_time(self, database: Database, key_gate: ApiKeyGate, visitor: Visitor) -> None:
        issued = await make_api_key(database, visitor.user, lives=timedelta(days=30))
        await let_time_pass(database, issued.api_key.id, timedelta(days=30) - timedelta(seconds=5))
        known = await key_gate.known(issued.token)
        assert 0 < known.lives_seconds < 5
        await let_time_pass(database, issued.api_key.id, timedelta(seconds=5))
        assert await refusal(key_gate, issued.token) == "API_KEY_ENDED"
