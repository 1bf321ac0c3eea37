"""A new password by mail for somebody with a second factor: whoever reads the mail has only the password."""

import pytest

from app.domain.errors import Conflict, Invalid, NotAuthenticated
from app.domain.identity import password_resets
from app.domain.identity.challenges import Challenge
from app.domain.identity.letters import Letters
from app.domain.identity.session import Tokens
from app.domain.second_factors.factor import Method
from tests.authenticators import Enrolled
from tests.domain.identity.conftest import NewVisitor, Visitor
from tests.domain.identity.house import House
from tests.domain.identity.mailing import mailed

NEW_PASSWORD = "blue penguin umbrella"
SHORT = "wet otter"


@pytest.fixture
async def enrolled(house: House, visitor: Visitor) -> Enrolled:
    return await house.totp(visitor.caller)


async def reset(house: House, letters: Letters, email: str, new_password: str) -> None:
    """The whole way, from asking for the mail."""
    await password_resets.ask(house.database, letters, email)
    token = await mailed(house.outbox, email)
    await password_resets.reset(house.database, house.authority, letters, token, new_password=new_password)


class TestReset:
    async def test_the_second_factor_and_its_recovery_codes_stay(
        self, house: House, letters: Letters, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        await reset(house, letters, visitor.user.email, NEW_PASSWORD)
        opened = await house.log_in(visitor.user, NEW_PASSWORD)
        assert isinstance(opened, Challenge), "the password alone opened a session"
        assert set(opened.methods) == {Method.TOTP, Method.RECOVERY_CODE}
        with pytest.raises(NotAuthenticated):
            await house.finish(opened.token, enrolled.telephone.wrong_code())
        assert isinstance(await house.finish(opened.token, enrolled.telephone.next_code()), Tokens)
        again = await house.log_in(visitor.user, NEW_PASSWORD)
        assert isinstance(again, Challenge)
        by_code = await house.finish(again.token, enrolled.recovery_codes[0], Method.RECOVERY_CODE)
        assert isinstance(by_code, Tokens)

    async def test_a_login_that_waits_for_the_second_factor_has_ended(
        self, house: House, letters: Letters, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        """It was begun with the password that somebody may have stolen."""
        challenge = await house.challenge(visitor.user)
        await reset(house, letters, visitor.user.email, NEW_PASSWORD)
        with pytest.raises(NotAuthenticated):
            await house.finish(challenge, enrolled.telephone.next_code())


class TestPolicy:
    async def test_next_to_a_second_factor_a_short_one_will_do(
        self, house: House, letters: Letters, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        await reset(house, letters, visitor.user.email, SHORT)
        assert isinstance(await house.log_in(visitor.user, SHORT), Challenge)

    async def test_and_keeps_the_last_factor_from_being_taken_away(
        self, house: House, letters: Letters, visitor: Visitor, enrolled: Enrolled, new_visitor: NewVisitor
    ) -> None:
        await reset(house, letters, visitor.user.email, SHORT)
        again = await new_visitor(visitor.user)
        with pytest.raises(Conflict) as caught:
            await house.remove(again.caller)
        assert caught.value.code == "PASSWORD_NEEDS_FACTOR"

    @pytest.mark.parametrize("new_password", ["otters", "password", "12345678"])
    async def test_but_no_shorter_or_more_common_one(
        self, house: House, letters: Letters, visitor: Visitor, enrolled: Enrolled, new_password: str
    ) -> None:
        with pytest.raises(Invalid):
            await reset(house, letters, visitor.user.email, new_password)

    async def test_alone_it_will_not(self, house: House, letters: Letters, visitor: Visitor) -> None:
        with pytest.raises(Invalid) as caught:
            await reset(house, letters, visitor.user.email, SHORT)
        assert [(fault.pointer, fault.code) for fault in caught.value.fields] == [
            ("#/new_password", "PASSWORD_TOO_SHORT")
        ]

    async def test_nor_once_the_factor_is_gone(
        self, house: House, letters: Letters, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        await house.remove(visitor.caller)
        with pytest.raises(Invalid):
            await reset(house, letters, visitor.user.email, SHORT)
