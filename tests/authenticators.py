"""People with a second factor, and the telephones that show their codes."""

from dataclasses import dataclass
from random import randrange

from app.database.executor import Database
from app.domain.identity import enrolment
from app.domain.identity.authority import Authority
from app.domain.second_factors import totp
from app.domain.second_factors.factor import Method
from app.domain.second_factors.keys import FactorKeys
from app.domain.users.caller import Caller
from tests.factories import PASSWORD
from tests.messages import Outbox


@dataclass
class Clock:
    """What second factors take for the time; it goes on when a test says so."""

    now: float = 1_800_000_010.0

    def time(self) -> float:
        """As time.time()."""
        return self.now

    def pass_steps(self, count: int = 1) -> None:
        """So many times thirty seconds."""
        self.now += count * totp.STEP_SECONDS


@dataclass
class Telephone:
    """An authenticator application that was set up with a secret."""

    secret: str
    clock: Clock

    def code(self, *, drift: int = 0) -> str:
        """What it shows, if its clock is so many steps ahead."""
        return totp.code_at(self.secret, int(self.clock.now) // totp.STEP_SECONDS + drift)

    def next_code(self) -> str:
        """What it shows half a minute later."""
        self.clock.pass_steps()
        return self.code()

    def wrong_code(self) -> str:
        """A code that it shows neither now nor a little earlier or later."""
        near = {self.code(drift=drift) for drift in range(-3, 4)}
        return next(code for code in ("000000", "111111", "222222", "333333") if code not in near)


@dataclass(frozen=True)
class Enrolled:
    """What somebody has after setting an authenticator application up."""

    telephone: Telephone
    recovery_codes: list[str]


async def set_up_totp(
    database: Database, authority: Authority, keys: FactorKeys, caller: Caller, clock: Clock
) -> Enrolled:
    """Gives the caller, whose session is fresh, an authenticator application; the step of its first code is used."""
    made = await enrolment.begin_totp(database, authority, keys, caller, password=PASSWORD)
    telephone = Telephone(made.secret, clock)
    confirmed = await enrolment.confirm(database, keys, caller, Method.TOTP, telephone.code())
    return Enrolled(telephone, confirmed.recovery_codes)


async def set_up_sms(
    database: Database, authority: Authority, keys: FactorKeys, caller: Caller, outbox: Outbox, number: str
) -> None:
    """Gives the caller, whose session is fresh, codes by SMS to a number."""
    await enrolment.begin_sms(database, authority, keys, caller, password=PASSWORD, phone_number=number)
    code = (await outbox.last_to(number)).code
    await enrolment.confirm(database, keys, caller, Method.SMS, code)


def a_number() -> str:
    """A telephone number of somebody's own."""
    return f"+49{randrange(10**9, 10**10)}"
