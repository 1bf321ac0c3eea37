"""What the audit log says of second factors: everything that happened, and nothing that is secret."""

import msgspec
import pytest

from app.domain.errors import NotAuthenticated
from app.domain.identity import enrolment, factor_reset, step_up
from app.domain.identity.step_up import FactorProof
from app.domain.second_factors.factor import Method
from tests.authenticators import a_number
from tests.domain.audit.log_read import by_actor
from tests.domain.identity.conftest import NewVisitor, Visitor
from tests.domain.identity.house import House


async def test_everything_that_happens_to_them_is_recorded(house: House, visitor: Visitor) -> None:
    caller, number = visitor.caller, a_number()
    enrolled = await house.totp(caller)
    await house.sms(caller, number)
    challenge = await house.challenge(visitor.user)
    with pytest.raises(NotAuthenticated):
        await house.finish(challenge, enrolled.telephone.wrong_code())
    await house.finish(challenge, enrolled.telephone.next_code())
    made = await enrolment.make_recovery_codes(house.database, house.keys, caller)
    proof = FactorProof(Method.RECOVERY_CODE, made[0])
    await step_up.step_up(house.database, house.authority, house.keys, caller, proof)
    with pytest.raises(NotAuthenticated):
        await house.begin(caller, "wrong")
    await house.remove(caller, Method.SMS)

    kept = await by_actor(house.database, visitor.user.id)
    about_factors = [
        (each.action, each.outcome, each.changed.get("method"))
        for each in kept
        if each.action.startswith("second_factor.") or each.action in {"session.challenged", "session.proved"}
    ]
    assert about_factors == [
        ("second_factor.proved", "done", [None, "totp"]),
        ("second_factor.added", "done", [None, "totp"]),
        ("second_factor.code_sent", "done", [None, "sms"]),
        ("second_factor.proved", "done", [None, "sms"]),
        ("second_factor.added", "done", [None, "sms"]),
        ("session.challenged", "done", None),
        ("second_factor.refused", "refused", [None, "totp"]),
        ("second_factor.proved", "done", [None, "totp"]),
        ("second_factor.recovery_codes_made", "done", None),
        ("second_factor.proved", "done", [None, "recovery_code"]),
        ("session.proved", "done", None),
        ("session.proved", "refused", None),
        ("second_factor.removed", "done", ["sms", None]),
    ]
    text = msgspec.json.encode(kept).decode()
    for secret in (enrolled.telephone.secret, number, *enrolled.recovery_codes, *made):
        assert secret not in text


async def test_a_reset_says_who_did_it_to_whom(house: House, visitor: Visitor, new_visitor: NewVisitor) -> None:
    await house.totp(visitor.caller)
    boss = await new_visitor(roles=("admin",))
    await factor_reset.reset_second_factors(house.database, house.keys.cipher, boss.caller, visitor.user.id)
    (kept,) = [
        each for each in await by_actor(house.database, boss.user.id) if each.action.startswith("second_factor.")
    ]
    assert (kept.action, kept.subject) == ("second_factor.all_removed", ("user", str(visitor.user.id)))
