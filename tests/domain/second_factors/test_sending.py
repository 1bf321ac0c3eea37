"""Codes by SMS and mail: who gets them, how often, and how long they are good."""

import asyncio
from datetime import timedelta

import pytest

from app.database.executor import Database
from app.domain.errors import DomainError, NotAuthenticated, TooManyAttempts
from app.domain.guesses.limit import MAXIMUM, WINDOW
from app.domain.identity import enrolment
from app.domain.identity.authority import Authority
from app.domain.second_factors import codes, proving, sending
from app.domain.second_factors.factor import Method
from app.domain.second_factors.keys import FactorKeys
from app.domain.users.caller import Caller
from tests.authenticators import a_number, set_up_sms
from tests.domain.identity.clocks import let_time_pass_since_guesses
from tests.domain.identity.conftest import NewVisitor, Visitor
from tests.domain.second_factors.clocks import let_time_pass_since_code, let_time_pass_since_sendings
from tests.factories import PASSWORD
from tests.messages import Outbox

DAY = timedelta(days=1)


@pytest.fixture
async def number(database: Database, authority: Authority, keys: FactorKeys, visitor: Visitor, outbox: Outbox) -> str:
    """The telephone number of `visitor`, to which no code was sent a moment ago."""
    made = a_number()
    await set_up_sms(database, authority, keys, visitor.caller, outbox, made)
    await let_time_pass_since_sendings(database, sending.PAUSE)
    return made


async def send(database: Database, keys: FactorKeys, caller: Caller) -> None:
    await enrolment.send_code(database, keys, caller, Method.SMS)


async def prove(database: Database, keys: FactorKeys, caller: Caller, code: str) -> str:
    """The code of what it is refused with; "" if it is accepted."""
    try:
        await proving.prove(database, keys, caller.user_id, Method.SMS, code)
    except DomainError as refused:
        return refused.code
    return ""


async def new_code(database: Database, keys: FactorKeys, caller: Caller, outbox: Outbox, number: str) -> str:
    await send(database, keys, caller)
    await let_time_pass_since_sendings(database, sending.PAUSE)
    return (await outbox.last_to(number)).code


class TestCode:
    async def test_it_is_accepted_once(
        self, database: Database, keys: FactorKeys, visitor: Visitor, outbox: Outbox, number: str
    ) -> None:
        code = await new_code(database, keys, visitor.caller, outbox, number)
        assert [await prove(database, keys, visitor.caller, code) for _ in range(2)] == ["", "WRONG_CODE"]

    async def test_of_many_at_once_one_is_accepted(
        self, database: Database, keys: FactorKeys, visitor: Visitor, outbox: Outbox, number: str
    ) -> None:
        code = await new_code(database, keys, visitor.caller, outbox, number)
        proofs = (prove(database, keys, visitor.caller, code) for _ in range(MAXIMUM))
        assert sorted(await asyncio.gather(*proofs)) == ["", *["WRONG_CODE"] * (MAXIMUM - 1)]

    async def test_a_new_one_ends_the_one_before(
        self, database: Database, keys: FactorKeys, visitor: Visitor, outbox: Outbox, number: str
    ) -> None:
        first = await new_code(database, keys, visitor.caller, outbox, number)
        second = await new_code(database, keys, visitor.caller, outbox, number)
        outcomes = [await prove(database, keys, visitor.caller, code) for code in (first, second)]
        assert outcomes == ["WRONG_CODE", ""] or first == second

    async def test_after_ten_minutes_it_is_too_old(
        self, database: Database, keys: FactorKeys, visitor: Visitor, outbox: Outbox, number: str
    ) -> None:
        code = await new_code(database, keys, visitor.caller, outbox, number)
        await let_time_pass_since_code(database, visitor.user.id, codes.LIFETIME)
        assert await prove(database, keys, visitor.caller, code) == "WRONG_CODE"

    async def test_it_can_be_tried_five_times_however_they_are_spread(
        self, database: Database, keys: FactorKeys, visitor: Visitor, outbox: Outbox, number: str
    ) -> None:
        """The limit on guesses begins anew in between; the code does not."""
        code = await new_code(database, keys, visitor.caller, outbox, number)
        wrong = f"{(int(code) + 1) % 10**6:06}"
        for _ in range(codes.TRIES):
            assert await prove(database, keys, visitor.caller, wrong) == "WRONG_CODE"
            await let_time_pass_since_guesses(database, visitor.user.id, WINDOW)
        assert await prove(database, keys, visitor.caller, code) == "WRONG_CODE"

    async def test_it_belongs_to_one_person(
        self,
        database: Database,
        authority: Authority,
        keys: FactorKeys,
        visitor: Visitor,
        outbox: Outbox,
        number: str,
        new_visitor: NewVisitor,
    ) -> None:
        other = await new_visitor()
        await set_up_sms(database, authority, keys, other.caller, outbox, a_number())
        code = await new_code(database, keys, visitor.caller, outbox, number)
        with pytest.raises(NotAuthenticated):
            await proving.prove(database, keys, other.user.id, Method.SMS, code)

    async def test_the_message_says_what_it_is_for_and_leaves_in_time_or_not_at_all(
        self, database: Database, keys: FactorKeys, visitor: Visitor, outbox: Outbox, number: str
    ) -> None:
        await send(database, keys, visitor.caller)
        message = await outbox.last_to(number)
        assert (message.kind, message.channel) == ("second_factor_code", "sms")
        assert "todo service" in message.text
        assert message.code not in message.subject


class TestLimits:
    async def test_two_are_half_a_minute_apart(
        self, database: Database, keys: FactorKeys, visitor: Visitor, outbox: Outbox, number: str
    ) -> None:
        await send(database, keys, visitor.caller)
        with pytest.raises(TooManyAttempts) as caught:
            await send(database, keys, visitor.caller)
        assert 25 <= caught.value.retry_after_seconds <= 30

    async def test_a_refused_one_leaves_the_last_code_good(
        self, database: Database, keys: FactorKeys, visitor: Visitor, outbox: Outbox, number: str
    ) -> None:
        await send(database, keys, visitor.caller)
        code = (await outbox.last_to(number)).code
        with pytest.raises(TooManyAttempts):
            await send(database, keys, visitor.caller)
        assert await prove(database, keys, visitor.caller, code) == ""

    async def test_of_many_at_once_one_is_sent(
        self, database: Database, keys: FactorKeys, visitor: Visitor, outbox: Outbox, number: str
    ) -> None:
        before = len(await outbox.to(number))
        await asyncio.gather(*(send(database, keys, visitor.caller) for _ in range(10)), return_exceptions=True)
        assert len(await outbox.to(number)) == before + 1

    async def test_ten_a_day_go_to_one_user(
        self, database: Database, keys: FactorKeys, visitor: Visitor, outbox: Outbox, number: str
    ) -> None:
        for _ in range(sending.DAILY_MAXIMUM - 1):  # The one that confirmed the number counts as well.
            await new_code(database, keys, visitor.caller, outbox, number)
        with pytest.raises(TooManyAttempts) as caught:
            await send(database, keys, visitor.caller)
        assert caught.value.retry_after_seconds > 23 * 3600
        await let_time_pass_since_sendings(database, DAY)
        await send(database, keys, visitor.caller)

    async def test_whoever_changes_numbers_or_begins_anew_has_no_more(
        self, database: Database, authority: Authority, keys: FactorKeys, visitor: Visitor, number: str
    ) -> None:
        """Each to another number, which is what toll fraud looks like."""
        for _ in range(sending.DAILY_MAXIMUM - 1):
            await enrolment.begin_sms(
                database, authority, keys, visitor.caller, password=PASSWORD, phone_number=a_number()
            )
            await let_time_pass_since_sendings(database, sending.PAUSE)
        with pytest.raises(TooManyAttempts):
            await enrolment.begin_sms(
                database, authority, keys, visitor.caller, password=PASSWORD, phone_number=a_number()
            )

    async def test_ten_a_day_go_to_one_number_whoever_asks(
        self, database: Database, authority: Authority, keys: FactorKeys, new_visitor: NewVisitor, outbox: Outbox
    ) -> None:
        """Nobody's telephone rings all day because somebody has many accounts."""
        victim = a_number()
        outcomes = []
        for _ in range(sending.DAILY_MAXIMUM + 2):
            attacker = await new_visitor()
            try:
                await enrolment.begin_sms(
                    database,
                    authority,
                    keys,
                    attacker.caller,
                    password=PASSWORD,
                    phone_number=victim,
                )
                outcomes.append(True)
            except TooManyAttempts:
                outcomes.append(False)
            await let_time_pass_since_sendings(database, sending.PAUSE)
        assert outcomes == [True] * sending.DAILY_MAXIMUM + [False] * 2
        assert len(await outbox.to(victim)) == sending.DAILY_MAXIMUM

    async def test_ten_a_day_go_to_one_number_however_many_have_confirmed_it(
        self,
        database: Database,
        authority: Authority,
        keys: FactorKeys,
        visitor: Visitor,
        outbox: Outbox,
        number: str,
        new_visitor: NewVisitor,
    ) -> None:
        other = await new_visitor()
        await set_up_sms(database, authority, keys, other.caller, outbox, number)
        await let_time_pass_since_sendings(database, sending.PAUSE)
        for _ in range(sending.DAILY_MAXIMUM // 2):
            for each in (visitor, other):
                await new_code(database, keys, each.caller, outbox, number)
        for each in (visitor, other):
            with pytest.raises(TooManyAttempts):
                await send(database, keys, each.caller)

    async def test_strangers_who_claim_a_number_leave_its_owner_theirs(
        self,
        database: Database,
        authority: Authority,
        keys: FactorKeys,
        visitor: Visitor,
        outbox: Outbox,
        number: str,
        new_visitor: NewVisitor,
    ) -> None:
        """Who has no other factor would be locked out for a day, by anybody who knows the number."""
        stranger = (await new_visitor()).caller
        for _ in range(sending.DAILY_MAXIMUM - 1):  # The one that confirmed the number counts as well.
            await let_time_pass_since_sendings(database, sending.PAUSE)
            await enrolment.begin_sms(database, authority, keys, stranger, password=PASSWORD, phone_number=number)
        another = (await new_visitor()).caller
        with pytest.raises(TooManyAttempts):
            await enrolment.begin_sms(database, authority, keys, another, password=PASSWORD, phone_number=number)
        code = await new_code(database, keys, visitor.caller, outbox, number)
        assert await prove(database, keys, visitor.caller, code) == ""


class TestCountsOf:
    async def test_they_are_all_that_is_counted_for_somebody(
        self, database: Database, keys: FactorKeys, visitor: Visitor, number: str
    ) -> None:
        """By the user, by the number while it was being confirmed, and by the number since."""
        await send(database, keys, visitor.caller)
        counted = "SELECT sent FROM code_sendings WHERE recipient_index = ANY($1::bytea[])"
        async with database.transaction() as work:
            rows = await work._connection.raw.fetch(counted, sending.counts_of(keys.cipher, visitor.user.id, [number]))
        assert sorted(row["sent"] for row in rows) == [1, 1, 2]
