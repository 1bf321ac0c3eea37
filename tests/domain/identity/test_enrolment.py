"""Setting second factors up, and taking them away."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.errors import Conflict, Invalid, NotAuthenticated, NotFound, TooManyAttempts
from app.domain.identity import enrolment, queries, step_up
from app.domain.identity import repository as sessions
from app.domain.identity.session import Ending, Tokens
from app.domain.identity.step_up import FactorProof, require_fresh
from app.domain.second_factors import proving, repository, sending
from app.domain.second_factors.factor import Method
from app.domain.users import repository as users
from tests.authenticators import a_number
from tests.domain.identity.clocks import let_proof_age
from tests.domain.identity.conftest import NewVisitor, Visitor
from tests.domain.identity.house import House
from tests.domain.second_factors.clocks import let_time_pass_since_begin, let_time_pass_since_sendings
from tests.factories import PASSWORD
from tests.locks import waits_for

SHORT_PASSWORD = "wet otter"


async def must_step_up(work: object) -> None:
    with pytest.raises(NotAuthenticated) as caught:
        await work  # type: ignore[misc]  # a coroutine of any result
    assert caught.value.code == "STEP_UP_REQUIRED"


class TestBeginTotp:
    async def test_it_changes_nothing_yet(self, house: House, visitor: Visitor) -> None:
        await house.begin(visitor.caller)
        assert await house.methods(visitor.caller) == []
        assert isinstance(await house.log_in(visitor.user), Tokens)

    async def test_it_takes_the_password(self, house: House, visitor: Visitor) -> None:
        with pytest.raises(NotAuthenticated) as caught:
            await house.begin(visitor.caller, "wrong")
        assert caught.value.code == "WRONG_PASSWORD"

    async def test_it_takes_a_fresh_session(self, house: House, visitor: Visitor) -> None:
        await let_proof_age(house.database, visitor.caller.own_session)
        await must_step_up(house.begin(visitor.caller))

    async def test_another_one_takes_its_place(self, house: House, visitor: Visitor) -> None:
        first, second = await house.begin(visitor.caller), await house.begin(visitor.caller)
        with pytest.raises(NotAuthenticated):
            await house.confirm(visitor.caller, first.code())
        assert len(await house.confirm(visitor.caller, second.code())) == 10


class TestConfirm:
    async def test_ten_recovery_codes_come_with_the_first(self, house: House, visitor: Visitor) -> None:
        telephone = await house.begin(visitor.caller)
        made = await house.confirm(visitor.caller, telephone.code())
        mine = await queries.second_factors(house.database.reader, house.keys, visitor.caller)
        assert (len(set(made)), mine.recovery_codes_left) == (10, 10)
        assert await house.methods(visitor.caller) == [Method.TOTP]
        assert await house.kinds(visitor.user) == ["factor_added"]

    async def test_none_come_with_another(self, house: House, visitor: Visitor) -> None:
        await house.totp(visitor.caller)
        number = a_number()
        await enrolment.begin_sms(
            house.database, house.authority, house.keys, visitor.caller, password=PASSWORD, phone_number=number
        )
        made = await house.confirm(visitor.caller, (await house.outbox.last_to(number)).code, Method.SMS)
        assert made == []
        assert await house.methods(visitor.caller) == [Method.TOTP, Method.SMS]

    async def test_a_wrong_code_confirms_nothing(self, house: House, visitor: Visitor) -> None:
        telephone = await house.begin(visitor.caller)
        with pytest.raises(NotAuthenticated) as caught:
            await house.confirm(visitor.caller, telephone.wrong_code())
        assert caught.value.code == "WRONG_CODE"
        assert await house.methods(visitor.caller) == []

    async def test_after_half_an_hour_it_is_too_late(self, house: House, visitor: Visitor) -> None:
        telephone = await house.begin(visitor.caller)
        await let_time_pass_since_begin(house.database, visitor.user.id, repository.PENDING)
        with pytest.raises(NotFound):
            await house.confirm(visitor.caller, telephone.code())

    async def test_it_takes_a_fresh_session(self, house: House, visitor: Visitor) -> None:
        telephone = await house.begin(visitor.caller)
        await let_proof_age(house.database, visitor.caller.own_session)
        await must_step_up(house.confirm(visitor.caller, telephone.code()))

    async def test_a_session_that_ends_meanwhile_confirms_nothing(self, house: House, visitor: Visitor) -> None:
        """Its owner resets the password while a thief, who has the code, is under way."""
        telephone = await house.begin(visitor.caller)
        async with house.database.transaction() as work:
            await users.lock(work, visitor.user.id)
            late = asyncio.create_task(house.confirm(visitor.caller, telephone.code()))
            await waits_for(work, late)
            await sessions.revoke_all(work, visitor.user.id, Ending.PASSWORD_RESET)
        await must_step_up(late)
        assert await house.methods(visitor.caller) == []
        assert isinstance(await house.log_in(visitor.user), Tokens)

    async def test_other_sessions_are_not_fresh_any_more(self, house: House, new_visitor: NewVisitor) -> None:
        """They were proved with the password alone."""
        here = await new_visitor()
        there = await new_visitor(here.user)
        await house.totp(here.caller)
        await require_fresh(house.database.reader, here.caller)
        await must_step_up(require_fresh(house.database.reader, there.caller))

    async def test_one_of_the_same_kind_is_replaced(self, house: House, visitor: Visitor) -> None:
        """So a new telephone needs no moment without a second factor."""
        old = await house.totp(visitor.caller)
        new = await house.begin(visitor.caller)
        assert await house.confirm(visitor.caller, new.code()) == []
        assert await house.methods(visitor.caller) == [Method.TOTP]
        house.clock.pass_steps()
        with pytest.raises(NotAuthenticated):
            await proving.prove(house.database, house.keys, visitor.user.id, Method.TOTP, old.telephone.code())
        await proving.prove(house.database, house.keys, visitor.user.id, Method.TOTP, new.code())

    async def test_of_two_at_once_one_makes_recovery_codes(self, house: House, visitor: Visitor) -> None:
        telephone, number = await house.begin(visitor.caller), a_number()
        await enrolment.begin_sms(
            house.database, house.authority, house.keys, visitor.caller, password=PASSWORD, phone_number=number
        )
        code = (await house.outbox.last_to(number)).code
        made = await asyncio.gather(
            house.confirm(visitor.caller, telephone.code()), house.confirm(visitor.caller, code, Method.SMS)
        )
        assert sorted(len(each) for each in made) == [0, 10]


class TestSmsAndMail:
    async def test_the_number_is_shown_in_part(self, house: House, visitor: Visitor) -> None:
        await house.sms(visitor.caller, "+4915112345678")
        mine = await queries.second_factors(house.database.reader, house.keys, visitor.caller)
        assert [factor.to for factor in mine.factors] == ["+49•••••••••78"]

    async def test_what_is_no_number_is_refused(self, house: House, visitor: Visitor) -> None:
        for number in ("015112345678", "+49", "+49 151 12345678", "+4915112345678\n", "+0123456789", "+" + "1" * 16):
            with pytest.raises(Invalid) as caught:
                await house.sms(visitor.caller, number)
            assert caught.value.fields[0].pointer == "#/phone_number"

    async def test_a_number_that_nobody_has_proved_is_no_factor(self, house: House, visitor: Visitor) -> None:
        number = a_number()
        await enrolment.begin_sms(
            house.database, house.authority, house.keys, visitor.caller, password=PASSWORD, phone_number=number
        )
        assert await house.methods(visitor.caller) == []
        assert isinstance(await house.log_in(visitor.user), Tokens)
        code = (await house.outbox.last_to(number)).code
        with pytest.raises(NotAuthenticated):
            await house.confirm(visitor.caller, f"{(int(code) + 1) % 1_000_000:06}", Method.SMS)
        assert await house.methods(visitor.caller) == []

    async def test_mail_goes_to_the_address_of_the_account(self, house: House, visitor: Visitor) -> None:
        await enrolment.begin_mail(house.database, house.authority, house.keys, visitor.caller, password=PASSWORD)
        code = (await house.outbox.last_to(visitor.user.email)).code
        await house.confirm(visitor.caller, code, Method.MAIL)
        mine = await queries.second_factors(house.database.reader, house.keys, visitor.caller)
        assert [factor.to for factor in mine.factors] == [f"{visitor.user.email[0]}•••@example.com"]

    async def test_asking_again_too_soon_leaves_the_code_that_is_on_its_way(
        self, house: House, visitor: Visitor
    ) -> None:
        number = a_number()

        async def begin() -> None:
            await enrolment.begin_sms(
                house.database, house.authority, house.keys, visitor.caller, password=PASSWORD, phone_number=number
            )

        await begin()
        code = (await house.outbox.last_to(number)).code
        with pytest.raises(TooManyAttempts):
            await begin()
        assert await house.confirm(visitor.caller, code, Method.SMS)

    async def test_a_channel_that_is_off_is_not_offered(self, house: House, visitor: Visitor) -> None:
        keys = replace(house.keys, offered=frozenset({Method.TOTP}))
        with pytest.raises(Conflict) as caught:
            await enrolment.begin_mail(house.database, house.authority, keys, visitor.caller, password=PASSWORD)
        assert caught.value.code == "METHOD_NOT_OFFERED"


class TestRemove:
    async def test_the_last_one_takes_the_recovery_codes_along(self, house: House, visitor: Visitor) -> None:
        await house.totp(visitor.caller)
        await house.remove(visitor.caller)
        mine = await queries.second_factors(house.database.reader, house.keys, visitor.caller)
        assert (mine.factors, mine.recovery_codes_left) == ([], 0)
        assert (await house.kinds(visitor.user))[-1] == "factor_removed"
        assert isinstance(await house.log_in(visitor.user), Tokens)

    async def test_another_one_keeps_them(self, house: House, visitor: Visitor) -> None:
        await house.totp(visitor.caller)
        await house.sms(visitor.caller, a_number())
        await house.remove(visitor.caller)
        mine = await queries.second_factors(house.database.reader, house.keys, visitor.caller)
        assert ([factor.method for factor in mine.factors], mine.recovery_codes_left) == ([Method.SMS], 10)

    async def test_what_is_not_there_is_not_found(self, house: House, visitor: Visitor) -> None:
        with pytest.raises(NotFound):
            await house.remove(visitor.caller)

    async def test_it_takes_a_session_that_was_proved_with_the_factor(self, house: House, visitor: Visitor) -> None:
        enrolled = await house.totp(visitor.caller)
        await let_proof_age(house.database, visitor.caller.own_session)
        await must_step_up(house.remove(visitor.caller))
        with pytest.raises(NotAuthenticated) as caught:
            await step_up.step_up(house.database, house.authority, house.keys, visitor.caller, PASSWORD)
        assert caught.value.code == "SECOND_FACTOR_REQUIRED"
        await must_step_up(house.remove(visitor.caller))
        proof = FactorProof(Method.TOTP, enrolled.telephone.next_code())
        await step_up.step_up(house.database, house.authority, house.keys, visitor.caller, proof)
        await house.remove(visitor.caller)

    async def test_a_password_that_cannot_stand_alone_must_be_replaced_first(
        self, house: House, visitor: Visitor
    ) -> None:
        await house.totp(visitor.caller)
        await house.change_password(visitor.caller, PASSWORD, SHORT_PASSWORD)
        with pytest.raises(Conflict) as caught:
            await house.remove(visitor.caller)
        assert caught.value.code == "PASSWORD_NEEDS_FACTOR"
        assert await house.methods(visitor.caller) == [Method.TOTP]
        await house.change_password(visitor.caller, SHORT_PASSWORD, "blue penguin umbrella")
        await house.remove(visitor.caller)


class TestMakeRecoveryCodes:
    async def test_the_older_ones_are_worth_nothing(self, house: House, visitor: Visitor) -> None:
        enrolled = await house.totp(visitor.caller)
        made = await enrolment.make_recovery_codes(house.database, house.keys, visitor.caller)
        assert len({*made, *enrolled.recovery_codes}) == 20
        old, new = (FactorProof(Method.RECOVERY_CODE, codes[0]) for codes in (enrolled.recovery_codes, made))
        with pytest.raises(NotAuthenticated):
            await step_up.step_up(house.database, house.authority, house.keys, visitor.caller, old)
        await step_up.step_up(house.database, house.authority, house.keys, visitor.caller, new)
        assert (await house.kinds(visitor.user))[-2:] == ["recovery_codes_made", "recovery_code_used"]

    async def test_without_a_factor_there_is_nothing_to_recover(self, house: House, visitor: Visitor) -> None:
        with pytest.raises(Conflict):
            await enrolment.make_recovery_codes(house.database, house.keys, visitor.caller)

    async def test_it_takes_a_fresh_session(self, house: House, visitor: Visitor) -> None:
        await house.totp(visitor.caller)
        await let_proof_age(house.database, visitor.caller.own_session)
        await must_step_up(enrolment.make_recovery_codes(house.database, house.keys, visitor.caller))


class TestPurge:
    async def test_what_nobody_finished_goes_and_what_counts_stays(self, house: House, new_visitor: NewVisitor) -> None:
        counting, stale, begun = [await new_visitor() for _ in range(3)]
        await house.sms(counting.caller, a_number())
        await house.begin(stale.caller)
        telephone = await house.begin(begun.caller)
        for visitor in (counting, stale):
            await let_time_pass_since_begin(house.database, visitor.user.id, timedelta(days=2))
        await let_time_pass_since_sendings(house.database, sending.WINDOW)
        assert await enrolment.purge_stale(house.database) >= 3
        assert await house.methods(counting.caller) == [Method.SMS]
        await house.confirm(begun.caller, telephone.code())
