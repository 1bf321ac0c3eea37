"""Proofs are accepted once, whoever comes at the same time, and wrong ones only so often."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace

from app.database.executor import Database
from app.domain.errors import DomainError, NotAuthenticated, TooManyAttempts
from app.domain.guesses.limit import MAXIMUM, WINDOW
from app.domain.identity.authority import Authority
from app.domain.ids import FactorId, UserId
from app.domain.second_factors import code_repository, proving, repository, totp
from app.domain.second_factors.factor import Method
from app.domain.second_factors.keys import FactorKeys
from app.field_encryption import SealBroken
from tests.authenticators import Clock, Enrolled, set_up_totp
from tests.domain.identity.clocks import let_time_pass_since_guesses
from tests.domain.identity.conftest import NewVisitor, Visitor
from tests.messages import Outbox


@pytest.fixture
async def enrolled(
    database: Database, authority: Authority, keys: FactorKeys, visitor: Visitor, clock: Clock
) -> Enrolled:
    return await set_up_totp(database, authority, keys, visitor.caller, clock)


async def refusal(proof: Awaitable[None]) -> str:
    """The code of what a proof is refused with; "" if it is accepted."""
    try:
        await proof
    except DomainError as refused:
        return refused.code
    return ""


class TestTotp:
    async def test_the_next_code_is_accepted(
        self, database: Database, keys: FactorKeys, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        await proving.prove(database, keys, visitor.user.id, Method.TOTP, enrolled.telephone.next_code())

    async def test_the_code_that_confirmed_it_is_used_up(
        self, database: Database, keys: FactorKeys, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        proof = proving.prove(database, keys, visitor.user.id, Method.TOTP, enrolled.telephone.code())
        assert await refusal(proof) == "WRONG_CODE"

    async def test_no_step_is_accepted_twice_nor_an_earlier_one(
        self, database: Database, keys: FactorKeys, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        telephone = enrolled.telephone
        telephone.clock.pass_steps(3)
        outcomes = [
            await refusal(proving.prove(database, keys, visitor.user.id, Method.TOTP, telephone.code(drift=drift)))
            for drift in (0, 0, -1, 1, 1)
        ]
        assert outcomes == ["", "WRONG_CODE", "WRONG_CODE", "", "WRONG_CODE"]

    async def test_of_ten_at_once_one_is_accepted(
        self,
        database: Database,
        keys: FactorKeys,
        visitor: Visitor,
        enrolled: Enrolled,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """All have compared the code before the first takes its step. The limit on guesses is another test's."""
        monkeypatch.setattr("app.domain.guesses.limit.MAXIMUM", 1000)
        everybody, take_step = asyncio.Barrier(10), repository.take_step

        async def together(*arguments: object) -> bool:
            await everybody.wait()
            return await take_step(*arguments)  # type: ignore[arg-type]  # passed on as they came

        monkeypatch.setattr(repository, "take_step", together)
        code = enrolled.telephone.next_code()
        proofs = (proving.prove(database, keys, visitor.user.id, Method.TOTP, code) for _ in range(10))
        outcomes = await asyncio.gather(*(refusal(proof) for proof in proofs))
        assert sorted(outcomes) == ["", *["WRONG_CODE"] * 9]

    async def test_somebody_without_one_is_refused_alike(
        self, database: Database, keys: FactorKeys, visitor: Visitor
    ) -> None:
        assert await refusal(proving.prove(database, keys, visitor.user.id, Method.TOTP, "123456")) == "WRONG_CODE"

    async def test_the_secret_of_another_row_cannot_be_read(
        self, database: Database, keys: FactorKeys, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        """What is sealed is bound to its row."""
        (factor,) = await repository.confirmed(database.reader, visitor.user.id)
        assert keys.opened(factor) == enrolled.telephone.secret
        with pytest.raises(SealBroken):
            keys.opened(replace(factor, id=FactorId(uuid4())))


class TestThrottle:
    async def guess(self, database: Database, keys: FactorKeys, user_id: UserId, code: str) -> str:
        return await refusal(proving.prove(database, keys, user_id, Method.TOTP, code))

    async def test_after_five_wrong_ones_a_right_one_is_refused_until_time_passes(
        self, database: Database, keys: FactorKeys, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        telephone, user_id = enrolled.telephone, visitor.user.id
        wrong = [await self.guess(database, keys, user_id, telephone.wrong_code()) for _ in range(MAXIMUM)]
        assert wrong == ["WRONG_CODE"] * MAXIMUM
        assert await self.guess(database, keys, user_id, telephone.next_code()) == "TOO_MANY_ATTEMPTS"
        await let_time_pass_since_guesses(database, user_id, WINDOW - timedelta(minutes=1))
        assert await self.guess(database, keys, user_id, telephone.code()) == "TOO_MANY_ATTEMPTS"
        await let_time_pass_since_guesses(database, user_id, timedelta(minutes=1))
        assert await self.guess(database, keys, user_id, telephone.code()) == ""

    async def test_of_fifty_at_once_five_are_looked_at(
        self,
        database: Database,
        keys: FactorKeys,
        visitor: Visitor,
        enrolled: Enrolled,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        looked_at: list[str] = []
        original = totp.matching_step

        def look(secret: str, code: str, *, now: float, after: int | None) -> int | None:
            looked_at.append(code)
            return original(secret, code, now=now, after=after)

        monkeypatch.setattr(totp, "matching_step", look)
        wrong = enrolled.telephone.wrong_code()
        outcomes = await asyncio.gather(
            *(self.guess(database, keys, visitor.user.id, wrong) for _ in range(50)),
        )
        assert outcomes.count("WRONG_CODE") == len(looked_at) == MAXIMUM
        assert outcomes.count("TOO_MANY_ATTEMPTS") == 50 - MAXIMUM

    async def test_right_ones_do_not_count(
        self, database: Database, keys: FactorKeys, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        for _ in range(2 * MAXIMUM):
            await proving.prove(database, keys, visitor.user.id, Method.TOTP, enrolled.telephone.next_code())

    async def test_another_method_has_a_count_of_its_own(
        self, database: Database, keys: FactorKeys, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        for _ in range(MAXIMUM):
            await self.guess(database, keys, visitor.user.id, enrolled.telephone.wrong_code())
        await proving.prove(database, keys, visitor.user.id, Method.RECOVERY_CODE, enrolled.recovery_codes[0])

    async def test_the_user_is_told_when_no_more_are_looked_at(
        self, database: Database, keys: FactorKeys, visitor: Visitor, enrolled: Enrolled, outbox: Outbox
    ) -> None:
        for number in range(MAXIMUM + 3):
            kinds = [sent.kind for sent in await outbox.to(visitor.user.email)]
            assert kinds.count("guesses_refused") == (number >= MAXIMUM)
            await self.guess(database, keys, visitor.user.id, enrolled.telephone.wrong_code())
        told = await outbox.last_to(visitor.user.email)
        assert (told.kind, told.channel) == ("guesses_refused", "mail")


class TestRecoveryCode:
    async def test_each_is_accepted_once(
        self, database: Database, keys: FactorKeys, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        user_id = visitor.user.id
        for left, code in zip(range(9, -1, -1), enrolled.recovery_codes, strict=True):
            await proving.prove(database, keys, user_id, Method.RECOVERY_CODE, code)
            assert await code_repository.recovery_codes_left(database.reader, user_id) == left
        proof = proving.prove(database, keys, user_id, Method.RECOVERY_CODE, enrolled.recovery_codes[3])
        assert await refusal(proof) == "WRONG_CODE"

    async def test_of_many_at_once_one_is_accepted(
        self, database: Database, keys: FactorKeys, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        code = enrolled.recovery_codes[0]
        proofs = (proving.prove(database, keys, visitor.user.id, Method.RECOVERY_CODE, code) for _ in range(MAXIMUM))
        outcomes = await asyncio.gather(*(refusal(proof) for proof in proofs))
        assert sorted(outcomes) == ["", *["WRONG_CODE"] * (MAXIMUM - 1)]

    async def test_the_user_is_told(
        self, database: Database, keys: FactorKeys, visitor: Visitor, enrolled: Enrolled, outbox: Outbox
    ) -> None:
        await proving.prove(database, keys, visitor.user.id, Method.RECOVERY_CODE, enrolled.recovery_codes[0])
        told = await outbox.last_to(visitor.user.email)
        assert told.kind == "recovery_code_used"
        assert enrolled.recovery_codes[0] not in told.text

    async def test_those_of_others_are_not_accepted(
        self,
        database: Database,
        keys: FactorKeys,
        enrolled: Enrolled,
        new_visitor: NewVisitor,
    ) -> None:
        bob = await new_visitor()
        with pytest.raises(NotAuthenticated):
            await proving.prove(database, keys, bob.user.id, Method.RECOVERY_CODE, enrolled.recovery_codes[0])

    async def test_guesses_at_them_are_limited_as_well(
        self, database: Database, keys: FactorKeys, visitor: Visitor, enrolled: Enrolled
    ) -> None:
        for _ in range(MAXIMUM):
            with pytest.raises(NotAuthenticated):
                await proving.prove(database, keys, visitor.user.id, Method.RECOVERY_CODE, "aaaa-aaaa-aaaa-aaaa")
        with pytest.raises(TooManyAttempts):
            await proving.prove(database, keys, visitor.user.id, Method.RECOVERY_CODE, enrolled.recovery_codes[0])
