"""Second factors: what the log says of them."""

from typing import Any

from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.identity import challenges, commands, enrolment, factor_reset, second_step
from app.domain.second_factors import proving, repository, sending
from app.domain.second_factors.factor import Factor, Method
from app.domain.users import repository as users
from app.domain.users.caller import Caller
from app.domain.users.repository import PasswordHolder
from tests.authenticators import a_number
from tests.domain.audit.identity_cases import KEYS, about, logged_in, login, session_of
from tests.domain.audit.telling import Act, Expected, Scene, Table, Told
from tests.domain.second_factors.clocks import let_time_pass_since_sendings
from tests.factories import CLIENT, PASSWORD
from tests.messages import Outbox

FACTORS = Table(
    unaudited={
        enrolment.purge_stale: "what nobody finished setting up never counted",
        challenges.attempt: "what is attempted tells itself",
        challenges.challenged: "it only looks",
        challenges.consume: "the session that is opened tells itself",
        challenges.purge_expired: "what it deletes ended by itself long before",
    }
)


def sms(action: Action, caller: Caller) -> Told:
    """Of codes by SMS."""
    return about(action, caller, method=[None, "sms"])


async def holder_of(scene: Scene, caller: Caller) -> PasswordHolder:
    holder = await users.password_by_id(scene.database.reader, caller.user_id)
    assert holder is not None
    return holder


async def begun(scene: Scene) -> tuple[Caller, str, str]:
    """Ann in a fresh session, who is setting codes by SMS up: her number, and the code that confirms it."""
    (ann, _), number = await logged_in(scene, scene.ann), a_number()
    parts: dict[str, Any] = {"password": PASSWORD, "phone_number": number}
    await enrolment.begin_sms(scene.database, scene.authority, KEYS, ann, **parts)
    await let_time_pass_since_sendings(scene.database, sending.PAUSE)
    return ann, number, (await Outbox(scene.database, KEYS.cipher).last_to(number)).code


async def with_sms(scene: Scene) -> tuple[Caller, str]:
    """The same when it is confirmed."""
    ann, number, code = await begun(scene)
    await enrolment.confirm(scene.database, KEYS, ann, Method.SMS, code)
    return ann, number


async def with_code(scene: Scene) -> tuple[Caller, str]:
    """The same when a code has just been sent."""
    ann, number = await with_sms(scene)
    await enrolment.send_code(scene.database, KEYS, ann, Method.SMS)
    return ann, (await Outbox(scene.database, KEYS.cipher).last_to(number)).code


async def factor_of(scene: Scene, caller: Caller) -> Factor:
    (factor,) = await repository.confirmed(scene.database.reader, caller.user_id)
    return factor


async def challenged(scene: Scene, caller: Caller) -> str:
    challenge = await challenges.challenge(scene.database, await holder_of(scene, caller), CLIENT)
    assert challenge is not None
    return challenge.token


@FACTORS.case(enrolment.begin_totp)
async def beginning_totp(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await logged_in(scene, scene.ann)
    return scene.call(enrolment.begin_totp, scene.authority, KEYS, ann, password=PASSWORD), []


@FACTORS.case(enrolment.begin_sms)
async def beginning_sms(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await logged_in(scene, scene.ann)
    parts = {"password": PASSWORD, "phone_number": a_number()}
    act = scene.call(enrolment.begin_sms, scene.authority, KEYS, ann, **parts)
    return act, [sms(Action.SECOND_FACTOR_CODE_SENT, ann)]


@FACTORS.case(enrolment.begin_mail)
async def beginning_mail(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await logged_in(scene, scene.ann)
    act = scene.call(enrolment.begin_mail, scene.authority, KEYS, ann, password=PASSWORD)
    return act, [about(Action.SECOND_FACTOR_CODE_SENT, ann, method=[None, "mail"])]


@FACTORS.case(enrolment.confirm)
async def confirming(scene: Scene) -> tuple[Act, Expected]:
    ann, _, code = await begun(scene)
    told = [sms(action, ann) for action in (Action.SECOND_FACTOR_PROVED, Action.SECOND_FACTOR_ADDED)]
    return scene.call(enrolment.confirm, KEYS, ann, Method.SMS, code), told


@FACTORS.case(enrolment.remove)
async def removing(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await with_sms(scene)
    told = about(Action.SECOND_FACTOR_REMOVED, ann, method=["sms", None])
    return scene.call(enrolment.remove, KEYS, ann, Method.SMS), [told]


@FACTORS.case(enrolment.make_recovery_codes)
async def making_recovery_codes(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await with_sms(scene)
    return scene.call(enrolment.make_recovery_codes, KEYS, ann), [about(Action.RECOVERY_CODES_MADE, ann)]


@FACTORS.case(enrolment.send_code)
async def sending_for_a_step_up(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await with_sms(scene)
    return scene.call(enrolment.send_code, KEYS, ann, Method.SMS), [sms(Action.SECOND_FACTOR_CODE_SENT, ann)]


@FACTORS.case(commands.log_in)
async def logging_in_with_a_second_factor(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await with_sms(scene)
    email = (await holder_of(scene, ann)).email
    return login(scene, email, PASSWORD), [about(Action.LOGIN_CHALLENGED, ann)]


@FACTORS.case(challenges.challenge)
async def challenging(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await with_sms(scene)
    act = scene.call(challenges.challenge, await holder_of(scene, ann), CLIENT)
    return act, [about(Action.LOGIN_CHALLENGED, ann)]


@FACTORS.case(second_step.finish_login)
async def finishing_a_login(scene: Scene) -> tuple[Act, Expected]:
    ann, code = await with_code(scene)
    parts = {"challenge": await challenged(scene, ann), "method": Method.SMS, "code": code, "client": CLIENT}

    def told(tokens: Any) -> list[Told]:
        opened = about(Action.LOGGED_IN, ann, session_id=[None, str(session_of(scene, tokens))])
        return [sms(Action.SECOND_FACTOR_PROVED, ann), opened]

    return scene.call(second_step.finish_login, scene.authority, KEYS, **parts), told


@FACTORS.case(second_step.send_login_code)
async def sending_for_a_login(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await with_sms(scene)
    parts = {"challenge": await challenged(scene, ann), "method": Method.SMS, "client": CLIENT}
    return scene.call(second_step.send_login_code, KEYS, **parts), [sms(Action.SECOND_FACTOR_CODE_SENT, ann)]


@FACTORS.case(proving.prove)
async def proving_with_a_wrong_code(scene: Scene) -> tuple[Act, Expected]:
    ann, code = await with_code(scene)
    told = sms(Action.SECOND_FACTOR_REFUSED, ann)
    told.outcome = "refused"
    wrong = f"{(int(code) + 1) % 10**6:06}"
    return scene.call(proving.prove, KEYS, ann.user_id, Method.SMS, wrong), [told]


@FACTORS.case(proving.prove)
async def proving_with_a_recovery_code(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await with_sms(scene)
    (code, *_) = await enrolment.make_recovery_codes(scene.database, KEYS, ann)
    told = about(Action.SECOND_FACTOR_PROVED, ann, method=[None, "recovery_code"])
    return scene.call(proving.prove, KEYS, ann.user_id, Method.RECOVERY_CODE, code), [told]


@FACTORS.case(proving.prove_factor)
async def proving_a_factor(scene: Scene) -> tuple[Act, Expected]:
    ann, code = await with_code(scene)
    factor = await factor_of(scene, ann)
    act = scene.call(proving.prove_factor, KEYS, ann.user_id, Method.SMS, code, factor=factor)
    return act, [sms(Action.SECOND_FACTOR_PROVED, ann)]


def reset(actor: Caller | None, ann: Caller) -> Told:
    ended = {"session_ids": [[str(ann.session_id)], []]}
    return Told(Action.SECOND_FACTORS_RESET, actor, Subject("user", ann.user_id), ended)


@FACTORS.case(factor_reset.reset_second_factors)
async def resetting(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await with_sms(scene)
    boss, _ = await logged_in(scene, await scene.administrator())
    act = scene.call(factor_reset.reset_second_factors, KEYS.cipher, boss, ann.user_id)
    return act, [reset(boss, ann)]


@FACTORS.case(factor_reset.reset_second_factors_of)
async def resetting_as_the_operator(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await with_sms(scene)
    act = scene.call(factor_reset.reset_second_factors_of, KEYS.cipher, (await holder_of(scene, ann)).email)
    return act, [reset(None, ann)]
