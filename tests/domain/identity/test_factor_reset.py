"""The way back in for somebody who has lost everything but the password."""

import pytest

from app.domain.errors import Conflict, NotAllowed, NotAuthenticated, NotFound
from app.domain.identity import administration, factor_reset, password_resets
from app.domain.identity.administration import AccessChange
from app.domain.identity.letters import Letters
from app.domain.identity.session import Tokens
from app.domain.ids import UserId, uuid7
from app.domain.users.caller import Caller
from tests.authenticators import Enrolled
from tests.domain.identity import stored
from tests.domain.identity.clocks import let_proof_age
from tests.domain.identity.conftest import NewVisitor, Visitor
from tests.domain.identity.house import House
from tests.domain.identity.mailing import mailed
from tests.factories import PASSWORD


@pytest.fixture
async def boss(new_visitor: NewVisitor) -> Visitor:
    return await new_visitor(roles=("admin",))


@pytest.fixture
async def enrolled(house: House, visitor: Visitor) -> Enrolled:
    return await house.totp(visitor.caller)


async def reset(house: House, caller: Caller, user_id: UserId) -> None:
    await factor_reset.reset_second_factors(house.database, house.keys.cipher, caller, user_id)


class TestReset:
    async def test_the_password_is_enough_again_and_all_sessions_have_ended(
        self, house: House, boss: Visitor, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        await reset(house, boss.caller, visitor.user.id)
        assert isinstance(await house.log_in(visitor.user), Tokens)
        assert await stored.ending(house.database, visitor.caller.own_session) == "factors_reset"
        assert (await house.kinds(visitor.user))[-1] == "factors_reset"

    async def test_recovery_codes_go_with_it(
        self, house: House, boss: Visitor, visitor: Visitor, enrolled: Enrolled, new_visitor: NewVisitor
    ) -> None:
        await reset(house, boss.caller, visitor.user.id)
        again = await new_visitor(visitor.user)
        assert len((await house.totp(again.caller)).recovery_codes) == 10

    async def test_a_password_that_cannot_stand_alone_has_to_be_reset(
        self, house: House, boss: Visitor, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        await house.change_password(visitor.caller, PASSWORD, "wet otter")
        await reset(house, boss.caller, visitor.user.id)
        with pytest.raises(NotAuthenticated) as caught:
            await house.log_in(visitor.user, "wet otter")
        assert caught.value.code == "PASSWORD_RESET_REQUIRED"
        with pytest.raises(NotAuthenticated) as caught:
            await house.log_in(visitor.user, "wrong")
        assert caught.value.code == "INVALID_CREDENTIALS"

    async def test_and_then_is_good_again(
        self, house: House, boss: Visitor, visitor: Visitor, enrolled: Enrolled, letters: Letters
    ) -> None:
        await house.change_password(visitor.caller, PASSWORD, "wet otter")
        await reset(house, boss.caller, visitor.user.id)
        await password_resets.ask(house.database, letters, visitor.user.email)
        token = await mailed(house.outbox, visitor.user.email)
        new = "blue penguin umbrella"
        await password_resets.reset(house.database, house.authority, letters, token, new_password=new)
        assert isinstance(await house.log_in(visitor.user, new), Tokens)

    async def test_it_takes_a_fresh_session(
        self, house: House, boss: Visitor, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        await let_proof_age(house.database, boss.caller.own_session)
        with pytest.raises(NotAuthenticated) as caught:
            await reset(house, boss.caller, visitor.user.id)
        assert caught.value.code == "STEP_UP_REQUIRED"

    async def test_others_do_not_see_the_user_and_cannot_reset_themselves(
        self, house: House, visitor: Visitor, enrolled: Enrolled, new_visitor: NewVisitor
    ) -> None:
        with pytest.raises(NotFound):
            await reset(house, (await new_visitor()).caller, visitor.user.id)
        with pytest.raises(NotAllowed):
            await reset(house, visitor.caller, visitor.user.id)

    async def test_an_administrator_who_was_demoted_meanwhile_is_none(
        self, house: House, boss: Visitor, visitor: Visitor, enrolled: Enrolled, new_visitor: NewVisitor
    ) -> None:
        """Their request was let in before."""
        other = await new_visitor(roles=("admin",))
        await administration.change_access(house.database, other.caller, boss.user.id, AccessChange(roles=[]))
        with pytest.raises(NotAllowed):
            await reset(house, boss.caller, visitor.user.id)

    async def test_without_a_factor_there_is_nothing_to_reset(
        self, house: House, boss: Visitor, visitor: Visitor
    ) -> None:
        await house.begin(visitor.caller)
        with pytest.raises(Conflict):
            await reset(house, boss.caller, visitor.user.id)
        with pytest.raises(NotFound):
            await reset(house, boss.caller, UserId(uuid7()))


class TestOperator:
    async def test_the_address_is_enough(self, house: House, visitor: Visitor, enrolled: Enrolled) -> None:
        await factor_reset.reset_second_factors_of(house.database, house.keys.cipher, visitor.user.email.upper())
        assert isinstance(await house.log_in(visitor.user), Tokens)

    async def test_an_unknown_address_is_not_found(self, house: House) -> None:
        with pytest.raises(NotFound):
            await factor_reset.reset_second_factors_of(house.database, house.keys.cipher, "nobody@example.com")
