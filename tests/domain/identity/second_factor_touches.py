"""Second factors: no cached value shows them, but the sessions that end with them are missed."""

import pytest

from app.domain.errors import Conflict, NotAuthenticated, NotFound
from app.domain.identity import challenges, enrolment, factor_reset, second_step
from app.domain.second_factors import proving, repository, sending
from app.domain.second_factors.factor import Method
from app.domain.users import repository as users
from app.domain.users.cache_tags import of_user
from app.domain.users.caller import Caller
from app.domain.users.repository import PasswordHolder
from app.domain.users.user import User
from tests.authenticators import Clock, a_number
from tests.domain.identity.arranged import log_in
from tests.domain.identity.house import House
from tests.domain.second_factors.clocks import let_time_pass_since_sendings
from tests.domain.touching import Case, Stage, Table
from tests.factories import CLIENT, PASSWORD, make_user
from tests.messages import Outbox


def house_of(stage: Stage) -> House:
    """The stage with everything that second factors want."""
    return House(stage.database, stage.authority, stage.keys, Clock(), Outbox(stage.behind, stage.keys.cipher))


async def somebody(stage: Stage, *, roles: tuple[str, ...] = ()) -> tuple[User, Caller]:
    """Somebody in a fresh session."""
    user = await make_user(stage.database, roles=roles)
    caller, _ = await log_in(stage, user)
    return user, caller


async def with_sms(stage: Stage) -> tuple[User, Caller, str]:
    """The same with codes by SMS, and their number."""
    user, caller = await somebody(stage)
    number = a_number()
    await house_of(stage).sms(caller, number)
    await let_time_pass_since_sendings(stage.behind, sending.PAUSE)
    return user, caller, number


async def with_code(stage: Stage) -> tuple[User, Caller, str]:
    """The same, and a code that has just been sent."""
    user, caller, number = await with_sms(stage)
    await enrolment.send_code(stage.database, stage.keys, caller, Method.SMS)
    return user, caller, (await house_of(stage).outbox.last_to(number)).code


async def holder_of(stage: Stage, user: User) -> PasswordHolder:
    holder = await users.password_by_id(stage.behind.reader, user.id)
    assert holder is not None
    return holder


async def issuing_a_challenge(stage: Stage) -> None:
    user, _, _ = await with_sms(stage)
    holder = await holder_of(stage, user)
    stage.begin()
    await challenges.challenge(stage.database, holder, CLIENT)


async def attempting(stage: Stage) -> None:
    user, _, _ = await with_sms(stage)
    token = await house_of(stage).challenge(user)
    stage.begin()
    await challenges.attempt(stage.database, token, CLIENT)


async def looking_at_a_challenge(stage: Stage) -> None:
    user, _, _ = await with_sms(stage)
    token = await house_of(stage).challenge(user)
    stage.begin()
    await challenges.challenged(stage.database, token, CLIENT)


async def consuming(stage: Stage) -> None:
    user, _, _ = await with_sms(stage)
    token = await house_of(stage).challenge(user)
    stage.begin()
    await challenges.consume(stage.database, token)


async def forgetting_challenges(stage: Stage) -> None:
    stage.begin()
    await challenges.purge_expired(stage.database)


async def finishing(stage: Stage) -> None:
    user, _, code = await with_code(stage)
    token = await house_of(stage).challenge(user)
    stage.begin()
    await house_of(stage).finish(token, code, Method.SMS)


async def sending_for_a_login(stage: Stage) -> None:
    user, _, _ = await with_sms(stage)
    token = await house_of(stage).challenge(user)
    stage.begin()
    await second_step.send_login_code(stage.database, stage.keys, challenge=token, method=Method.SMS, client=CLIENT)


async def beginning_totp(stage: Stage) -> None:
    _, caller = await somebody(stage)
    stage.begin()
    await house_of(stage).begin(caller)


async def beginning_sms(stage: Stage) -> None:
    _, caller = await somebody(stage)
    stage.begin()
    await enrolment.begin_sms(
        stage.database, stage.authority, stage.keys, caller, password=PASSWORD, phone_number=a_number()
    )


async def beginning_mail(stage: Stage) -> None:
    _, caller = await somebody(stage)
    stage.begin()
    await enrolment.begin_mail(stage.database, stage.authority, stage.keys, caller, password=PASSWORD)


async def confirming(stage: Stage) -> None:
    user, caller = await somebody(stage)
    await enrolment.begin_mail(stage.database, stage.authority, stage.keys, caller, password=PASSWORD)
    code = (await house_of(stage).outbox.last_to(user.email)).code
    stage.begin()
    await enrolment.confirm(stage.database, stage.keys, caller, Method.MAIL, code)


async def removing(stage: Stage) -> None:
    _, caller, _ = await with_sms(stage)
    stage.begin()
    await enrolment.remove(stage.database, stage.keys, caller, Method.SMS)


async def making_recovery_codes(stage: Stage) -> None:
    _, caller, _ = await with_sms(stage)
    stage.begin()
    await enrolment.make_recovery_codes(stage.database, stage.keys, caller)


async def sending_for_a_step_up(stage: Stage) -> None:
    _, caller, _ = await with_sms(stage)
    stage.begin()
    await enrolment.send_code(stage.database, stage.keys, caller, Method.SMS)


async def forgetting_the_unfinished(stage: Stage) -> None:
    stage.begin()
    await enrolment.purge_stale(stage.database)


async def proving_a_factor(stage: Stage) -> None:
    user, _, code = await with_code(stage)
    (factor,) = await repository.confirmed(stage.behind.reader, user.id)
    stage.begin()
    await proving.prove_factor(stage.database, stage.keys, user.id, Method.SMS, code, factor=factor)


async def proving_with_a_wrong_code(stage: Stage) -> None:
    user, _, code = await with_code(stage)
    stage.begin()
    with pytest.raises(NotAuthenticated):
        await proving.prove(stage.database, stage.keys, user.id, Method.SMS, f"{(int(code) + 1) % 10**6:06}")


async def resetting(stage: Stage) -> set[str]:
    """One tag ends all sessions."""
    (_, boss), (user, _, _) = await somebody(stage, roles=("admin",)), await with_sms(stage)
    stage.begin()
    await factor_reset.reset_second_factors(stage.database, stage.keys.cipher, boss, user.id)
    return {of_user(user.id)}


async def resetting_as_the_operator(stage: Stage) -> set[str]:
    user, _, _ = await with_sms(stage)
    stage.begin()
    await factor_reset.reset_second_factors_of(stage.database, stage.keys.cipher, user.email)
    return {of_user(user.id)}


async def resetting_as_somebody_else(stage: Stage) -> None:
    (_, ann), (user, _, _) = await somebody(stage), await with_sms(stage)
    stage.begin()
    with pytest.raises(NotFound):
        await factor_reset.reset_second_factors(stage.database, stage.keys.cipher, ann, user.id)


async def resetting_nothing(stage: Stage) -> None:
    user, _ = await somebody(stage)
    stage.begin()
    with pytest.raises(Conflict):
        await factor_reset.reset_second_factors_of(stage.database, stage.keys.cipher, user.email)


_SILENT = (
    Case(challenges.challenge, issuing_a_challenge),
    Case(challenges.attempt, attempting),
    Case(challenges.challenged, looking_at_a_challenge),
    Case(challenges.consume, consuming),
    Case(challenges.purge_expired, forgetting_challenges),
    Case(second_step.finish_login, finishing),
    Case(second_step.send_login_code, sending_for_a_login),
    Case(enrolment.begin_totp, beginning_totp),
    Case(enrolment.begin_sms, beginning_sms),
    Case(enrolment.begin_mail, beginning_mail),
    Case(enrolment.confirm, confirming),
    Case(enrolment.remove, removing),
    Case(enrolment.make_recovery_codes, making_recovery_codes),
    Case(enrolment.send_code, sending_for_a_step_up),
    Case(enrolment.purge_stale, forgetting_the_unfinished),
    Case(proving.prove_factor, proving_a_factor),
    Case(proving.prove, proving_with_a_wrong_code),
)
SECOND_FACTORS = Table(
    modules=(challenges, second_step, enrolment, proving, sending, factor_reset),
    changing=(
        Case(factor_reset.reset_second_factors, resetting),
        Case(factor_reset.reset_second_factors_of, resetting_as_the_operator),
    ),
    leaving=(
        *_SILENT,
        Case(factor_reset.reset_second_factors, resetting_as_somebody_else),
        Case(factor_reset.reset_second_factors_of, resetting_nothing),
    ),
    silent=frozenset(case.command for case in _SILENT),
)
