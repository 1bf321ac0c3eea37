"""The login in two steps: what the first one gives, and what the second one takes."""

import asyncio
from datetime import timedelta

import pytest

from app.domain.errors import DomainError, Invalid, NotAuthenticated
from app.domain.guesses.limit import MAXIMUM, WINDOW
from app.domain.identity import administration, challenges, commands, factor_reset, second_step
from app.domain.identity.administration import AccessChange
from app.domain.identity.challenges import ATTEMPTS, LIFETIME, Challenge
from app.domain.identity.gate import SessionGate
from app.domain.identity.session import Tokens, client_from
from app.domain.identity.step_up import require_fresh
from app.domain.second_factors import proving, sending
from app.domain.second_factors.factor import Method
from app.domain.users import repository as users
from tests.authenticators import Enrolled, a_number
from tests.domain.identity.clocks import let_time_pass_since_guesses
from tests.domain.identity.conftest import NewVisitor, Visitor
from tests.domain.identity.house import House
from tests.domain.second_factors.clocks import let_time_pass_since_challenge, let_time_pass_since_sendings
from tests.factories import CLIENT, PASSWORD

NEW_PASSWORD = "blue penguin umbrella"


@pytest.fixture
async def enrolled(house: House, visitor: Visitor) -> Enrolled:
    return await house.totp(visitor.caller)


async def refusal(house: House, challenge: str, code: str, method: Method = Method.TOTP) -> str:
    """The code of what the second step is refused with; "" if it succeeds."""
    try:
        await house.finish(challenge, code, method)
    except DomainError as refused:
        return refused.code
    return ""


class TestFirstStep:
    async def test_it_gives_a_challenge_and_no_session(
        self, house: House, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        with house.database.observed() as statements:
            challenge = await house.log_in(visitor.user)
        assert isinstance(challenge, Challenge)
        assert (challenge.methods, challenge.expires_in) == ([Method.TOTP, Method.RECOVERY_CODE], 300)
        assert "sessions.insert" not in statements

    async def test_the_methods_are_those_that_are_left(
        self, house: House, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        await house.sms(visitor.caller, a_number())
        for codes in (enrolled.recovery_codes[:5], enrolled.recovery_codes[5:]):
            for code in codes:
                await proving.prove(house.database, house.keys, visitor.user.id, Method.RECOVERY_CODE, code)
        challenge = await house.log_in(visitor.user)
        assert isinstance(challenge, Challenge)
        assert challenge.methods == [Method.TOTP, Method.SMS]

    async def test_a_wrong_password_gets_none(self, house: House, visitor: Visitor, enrolled: Enrolled) -> None:
        with pytest.raises(NotAuthenticated) as caught:
            await house.log_in(visitor.user, "wrong")
        assert caught.value.code == "INVALID_CREDENTIALS"

    async def test_a_deactivated_account_gets_the_answer_of_an_unknown_one(
        self, house: House, visitor: Visitor, enrolled: Enrolled, new_visitor: NewVisitor
    ) -> None:
        boss = await new_visitor(roles=("admin",))
        await administration.change_access(house.database, boss.caller, visitor.user.id, AccessChange(is_active=False))
        with pytest.raises(NotAuthenticated) as caught:
            await house.log_in(visitor.user)
        assert caught.value.code == "INVALID_CREDENTIALS"

    async def test_a_factor_that_is_confirmed_meanwhile_is_asked_for(self, house: House, visitor: Visitor) -> None:
        """The password was verified before, and the session would be opened after."""
        holder = await users.password_by_id(house.database.reader, visitor.user.id)
        assert holder is not None
        await house.totp(visitor.caller)
        assert await commands.open_session(house.database, house.authority, holder, CLIENT) is None


class TestSecondStep:
    async def test_it_opens_a_fresh_session(
        self, house: House, visitor: Visitor, enrolled: Enrolled, gate: SessionGate
    ) -> None:
        tokens = await house.finish(await house.challenge(visitor.user), enrolled.telephone.next_code())
        caller = await gate.caller(tokens.access_token)
        assert caller.user_id == visitor.user.id
        await require_fresh(house.database.reader, caller)

    async def test_it_goes_on_in_another_worker(self, house: House, visitor: Visitor, enrolled: Enrolled) -> None:
        """A worker with nothing in its memory, and keys that it made itself."""
        challenge = await house.challenge(visitor.user)
        assert isinstance(await house.elsewhere().finish(challenge, enrolled.telephone.next_code()), Tokens)

    async def test_a_challenge_is_good_once(self, house: House, visitor: Visitor, enrolled: Enrolled) -> None:
        challenge = await house.challenge(visitor.user)
        await house.finish(challenge, enrolled.telephone.next_code())
        assert await refusal(house, challenge, enrolled.telephone.next_code()) == "INVALID_CHALLENGE"

    async def test_with_two_good_codes_at_once_it_is_good_once(
        self, house: House, visitor: Visitor, enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Both proofs are accepted before either uses the challenge up."""
        challenge, both, consume = await house.challenge(visitor.user), asyncio.Barrier(2), challenges.consume

        async def together(*arguments: object) -> None:
            await both.wait()
            await consume(*arguments)  # type: ignore[arg-type]  # passed on as they came

        monkeypatch.setattr(challenges, "consume", together)
        outcomes = await asyncio.gather(
            refusal(house, challenge, enrolled.recovery_codes[0], Method.RECOVERY_CODE),
            refusal(house, challenge, enrolled.telephone.next_code()),
        )
        assert sorted(outcomes) == ["", "INVALID_CHALLENGE"]

    async def test_one_code_is_not_good_for_two_challenges(
        self, house: House, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        one, two = await house.challenge(visitor.user), await house.challenge(visitor.user)
        code = enrolled.telephone.next_code()
        outcomes = await asyncio.gather(refusal(house, one, code), refusal(house, two, code))
        assert sorted(outcomes) == ["", "WRONG_CODE"]

    async def test_five_wrong_codes_end_it(self, house: House, visitor: Visitor, enrolled: Enrolled) -> None:
        """With another limit on guesses out of the way."""
        challenge = await house.challenge(visitor.user)
        for _ in range(ATTEMPTS):
            assert await refusal(house, challenge, enrolled.telephone.wrong_code()) == "WRONG_CODE"
        await let_time_pass_since_guesses(house.database, visitor.user.id, WINDOW)
        assert await refusal(house, challenge, enrolled.telephone.next_code()) == "INVALID_CHALLENGE"

    async def test_and_they_count_for_the_next_one(self, house: House, visitor: Visitor, enrolled: Enrolled) -> None:
        first = await house.challenge(visitor.user)
        for _ in range(MAXIMUM):
            await refusal(house, first, enrolled.telephone.wrong_code())
        second = await house.challenge(visitor.user)
        assert await refusal(house, second, enrolled.telephone.next_code()) == "TOO_MANY_ATTEMPTS"

    async def test_after_five_minutes_it_is_too_late(self, house: House, visitor: Visitor, enrolled: Enrolled) -> None:
        challenge = await house.challenge(visitor.user)
        await let_time_pass_since_challenge(house.database, visitor.user.id, LIFETIME)
        assert await refusal(house, challenge, enrolled.telephone.next_code()) == "INVALID_CHALLENGE"

    async def test_another_password_ends_it(self, house: House, visitor: Visitor, enrolled: Enrolled) -> None:
        challenge = await house.challenge(visitor.user)
        await house.change_password(visitor.caller, PASSWORD, NEW_PASSWORD)
        assert await refusal(house, challenge, enrolled.telephone.next_code()) == "INVALID_CHALLENGE"

    async def test_another_program_cannot_use_it(self, house: House, visitor: Visitor, enrolled: Enrolled) -> None:
        challenge = await house.challenge(visitor.user)
        with pytest.raises(NotAuthenticated) as caught:
            await house.finish(challenge, enrolled.telephone.next_code(), client=client_from("stolen/1.0", "127.0.0.1"))
        assert caught.value.code == "INVALID_CHALLENGE"

    async def test_from_another_address_it_goes_on(self, house: House, visitor: Visitor, enrolled: Enrolled) -> None:
        challenge = await house.challenge(visitor.user)
        elsewhere = client_from(CLIENT.user_agent, "2001:db8::1")
        await house.finish(challenge, enrolled.telephone.next_code(), client=elsewhere)

    async def test_a_factor_that_is_gone_is_worth_nothing(
        self, house: House, visitor: Visitor, enrolled: Enrolled, new_visitor: NewVisitor
    ) -> None:
        challenge, boss = await house.challenge(visitor.user), await new_visitor(roles=("admin",))
        await factor_reset.reset_second_factors(house.database, house.keys.cipher, boss.caller, visitor.user.id)
        assert await refusal(house, challenge, enrolled.telephone.next_code()) == "WRONG_CODE"

    @pytest.mark.parametrize("token", ["", "x", "x" * 256, "\x00", "..", "é" * 40])
    async def test_what_is_no_challenge_is_refused(self, house: House, token: str) -> None:
        assert await refusal(house, token, "123456") == "INVALID_CHALLENGE"


class TestSendLoginCode:
    async def send(self, house: House, challenge: str, method: Method = Method.SMS) -> None:
        await second_step.send_login_code(house.database, house.keys, challenge=challenge, method=method, client=CLIENT)

    async def test_the_code_logs_in(self, house: House, visitor: Visitor) -> None:
        number = a_number()
        await house.sms(visitor.caller, number)
        await let_time_pass_since_sendings(house.database, sending.PAUSE)
        challenge = await house.challenge(visitor.user)
        await self.send(house, challenge)
        await house.finish(challenge, (await house.outbox.last_to(number)).code, Method.SMS)

    async def test_sending_is_no_attempt(self, house: House, visitor: Visitor) -> None:
        await house.sms(visitor.caller, a_number())
        challenge = await house.challenge(visitor.user)
        for _ in range(ATTEMPTS):
            await let_time_pass_since_sendings(house.database, sending.PAUSE)
            await self.send(house, challenge)

    @pytest.mark.parametrize("method", [Method.SMS, Method.TOTP, Method.RECOVERY_CODE])
    async def test_what_cannot_be_sent_is_refused(
        self, house: House, visitor: Visitor, enrolled: Enrolled, method: Method
    ) -> None:
        with pytest.raises(Invalid) as caught:
            await self.send(house, await house.challenge(visitor.user), method)
        assert caught.value.fields[0].code == "UNKNOWN_METHOD"

    async def test_without_a_challenge_nothing_is_sent(self, house: House, visitor: Visitor) -> None:
        number = a_number()
        await house.sms(visitor.caller, number)
        before = len(await house.outbox.to(number))
        with pytest.raises(NotAuthenticated):
            await self.send(house, "x" * 43)
        assert len(await house.outbox.to(number)) == before


class TestPurge:
    async def test_what_is_too_old_goes(self, house: House, visitor: Visitor, enrolled: Enrolled) -> None:
        old = await house.challenge(visitor.user)
        await let_time_pass_since_challenge(house.database, visitor.user.id, LIFETIME + timedelta(seconds=1))
        young = await house.challenge(visitor.user)
        assert await challenges.purge_expired(house.database) >= 1
        assert await refusal(house, old, enrolled.telephone.next_code()) == "INVALID_CHALLENGE"
        assert await refusal(house, young, enrolled.telephone.code()) == ""
