"""A new password, and the second factors that it may or may not lean on."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from app.domain.errors import Conflict, Invalid, NotAuthenticated
from app.domain.identity import commands, step_up
from tests.domain.identity.clocks import let_proof_age
from tests.domain.identity.conftest import NewVisitor, Visitor
from tests.domain.identity.house import House
from tests.domain.identity.test_enrolment import SHORT_PASSWORD, must_step_up
from tests.factories import PASSWORD


class TestShortPassword:
    async def test_without_a_factor_nobody_gets_one(self, house: House, visitor: Visitor) -> None:
        with pytest.raises(Invalid) as caught:
            await house.change_password(visitor.caller, PASSWORD, SHORT_PASSWORD)
        assert caught.value.fields[0].code == "PASSWORD_TOO_SHORT"

    async def test_it_takes_a_fresh_session(self, house: House, visitor: Visitor) -> None:
        await house.totp(visitor.caller)
        await let_proof_age(house.database, visitor.caller.own_session)
        await must_step_up(house.change_password(visitor.caller, PASSWORD, "blue penguin umbrella"))


class TestChangeOfPassword:
    """What happens between the check of the new password and its storing, which hashing makes long."""

    @contextmanager
    def while_hashing(self, house: House, happen: Callable[[], Awaitable[object]]) -> Iterator[None]:
        original = house.authority.passwords.hash

        async def hash_slowly(password: str) -> str:
            await happen()
            return await original(password)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(house.authority.passwords, "hash", hash_slowly)
            yield

    async def is_unchanged(self, house: House, visitor: Visitor) -> None:
        await step_up.prove_password(house.database, house.authority, visitor.caller, PASSWORD, field="password")

    async def test_a_factor_that_goes_meanwhile_is_missed(self, house: House, visitor: Visitor) -> None:
        await house.totp(visitor.caller)
        with self.while_hashing(house, lambda: house.remove(visitor.caller)), pytest.raises(Conflict):
            await house.change_password(visitor.caller, PASSWORD, SHORT_PASSWORD)
        await self.is_unchanged(house, visitor)

    async def test_a_factor_that_comes_meanwhile_is_asked_for(self, house: House, new_visitor: NewVisitor) -> None:
        """Somebody who knows the password must not overtake its owner."""
        owner = await new_visitor()
        thief = await new_visitor(owner.user)
        with self.while_hashing(house, lambda: house.totp(owner.caller)):
            await must_step_up(house.change_password(thief.caller, PASSWORD, "blue penguin umbrella"))
        await self.is_unchanged(house, owner)

    async def test_a_session_that_ends_meanwhile_changes_nothing(self, house: House, visitor: Visitor) -> None:
        with (
            self.while_hashing(house, lambda: commands.log_out(house.database, visitor.caller)),
            pytest.raises(NotAuthenticated) as caught,
        ):
            await house.change_password(visitor.caller, PASSWORD, "blue penguin umbrella")
        assert caught.value.code == "SESSION_ENDED"
        await self.is_unchanged(house, visitor)
