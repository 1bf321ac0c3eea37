"""Second factors for people who are asked about them, set up by the real commands of a running service."""

import time

from sqlalchemy import delete

from app.database.statements import Change, scalar
from app.domain.identity import challenges, enrolment
from app.domain.identity.session import client_from
from app.domain.second_factors import totp
from app.domain.second_factors.factor import Method
from app.domain.second_factors.tables import code_sendings
from app.domain.users import repository as users
from app.domain.users.caller import Caller
from app.domain.users.user import User
from app.lifespan import Services
from tests.authenticators import a_number
from tests.factories import PASSWORD, open_session
from tests.messages import Outbox

_NO_PAUSE = Change("tests.no_pause", delete(code_sendings), scalar)


async def begin(services: Services, user: User, method: Method) -> str:
    """Sets a factor up; the code that confirms it."""
    caller = await _caller(services, user)
    parts = (services.database, services.authority, services.factor_keys, caller)
    await forget_sendings(services)
    if method is Method.TOTP:
        secret = (await enrolment.begin_totp(*parts, password=PASSWORD)).secret
        return totp.code_at(secret, int(time.time()) // totp.STEP_SECONDS)
    to = user.email
    if method is Method.SMS:
        to = a_number()
        await enrolment.begin_sms(*parts, password=PASSWORD, phone_number=to)
    else:
        await enrolment.begin_mail(*parts, password=PASSWORD)
    return (await Outbox(services.database, services.cipher).last_to(to)).code


async def enrol(services: Services, user: User, method: Method) -> list[str]:
    """Gives somebody a factor; their recovery codes, all new."""
    code = await begin(services, user, method)
    caller = await _caller(services, user)
    await enrolment.confirm(services.database, services.factor_keys, caller, method, code)
    return await enrolment.make_recovery_codes(services.database, services.factor_keys, caller)


async def challenge(services: Services, user: User, user_agent: str) -> str:
    """The first step of a login, by the program that is to make the second."""
    holder = await users.password_by_id(services.database.reader, user.id)
    assert holder is not None
    made = await challenges.challenge(services.database, holder, client_from(user_agent, "127.0.0.1"))
    assert made is not None
    return made.token


async def forget_sendings(services: Services) -> None:
    """The next code can be sent at once."""
    async with services.database.transaction() as work:
        await work.run(_NO_PAUSE)


async def _caller(services: Services, user: User) -> Caller:
    tokens = await open_session(services.database, services.authority, user)
    return await services.gate.caller(tokens.access_token)
