"""Step-up: what is sensitive is done only in a session whose user has proved who they are in the last minutes.

A login is such a proof, and so is the password given again, or for who has a second factor, a proof of that. Which
commands are sensitive, each says itself by asking `require_fresh` in its transaction. Source: RFC 9470.
"""

from datetime import datetime

from msgspec import Struct

from app.database.executor import Database, Reader
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.errors import NotAuthenticated
from app.domain.guesses import limit
from app.domain.guesses.limit import Secret
from app.domain.identity import fresh_repository as repository
from app.domain.identity.authority import Authority
from app.domain.second_factors import proving
from app.domain.second_factors.factor import Method
from app.domain.second_factors.keys import FactorKeys
from app.domain.unit_of_work import unit_of_work
from app.domain.users import repository as users_repository
from app.domain.users.caller import Caller
from app.domain.users.repository import PasswordHolder


class FactorProof(Struct, frozen=True):
    """A code of one of the caller's second factors, or a recovery code."""

    method: Method
    code: str


async def require_fresh(work: Reader, caller: Caller) -> None:
    """Raises NotAuthenticated (STEP_UP_REQUIRED) unless the caller's session was proved in time. One SELECT by key."""
    if not await repository.is_fresh(work, caller.own_session):
        raise NotAuthenticated(
            "This needs fresh proof of who you are: POST it to /api/v2/auth/step-up, then repeat the request.",
            code="STEP_UP_REQUIRED",
        )


async def step_up(
    database: Database, authority: Authority, keys: FactorKeys, caller: Caller, proof: str | FactorProof
) -> datetime:
    """Makes the caller's session fresh; until when it is. `proof` is the password or of a second factor.

    Raises NotAuthenticated (WRONG_PASSWORD, WRONG_CODE, SECOND_FACTOR_REQUIRED, SESSION_ENDED) and TooManyAttempts.
    """
    if isinstance(proof, str):
        await prove_password(database, authority, caller, proof, field="password")
    else:
        await proving.prove(database, keys, caller.user_id, proof.method, proof.code)
    async with unit_of_work(database) as work:
        # Under the lock: a factor that is confirmed meanwhile is either seen here, or finds the session proved.
        await users_repository.lock(work, caller.user_id)
        holder = await users_repository.password_by_id(work, caller.user_id)
        if isinstance(proof, str) and holder is not None and holder.has_second_factor:
            raise NotAuthenticated(
                "You have a second factor: prove that, with its method and a code.", code="SECOND_FACTOR_REQUIRED"
            )
        until = await repository.prove(work, caller.own_session, authority.lifetimes)
        if until is not None:
            audit.record(work, Action.PROVED, actor=caller.user_id, subject=Subject("user", caller.user_id))
    if until is None:
        raise NotAuthenticated("Your session has ended; log in again.", code="SESSION_ENDED")
    return until


async def prove_password(
    database: Database, authority: Authority, caller: Caller, password: str, *, field: str
) -> PasswordHolder:
    """The caller, who has proved to know their password; `field` is where the request has it.

    Raises NotAuthenticated (WRONG_PASSWORD), and TooManyAttempts before anything is hashed.
    """
    guess = await limit.admit(database, caller.user_id, Secret.PASSWORD)
    holder = await users_repository.password_by_id(database.reader, caller.user_id)
    matches = await authority.passwords.verify(holder.password_hash if holder else None, password)
    if holder is None or not matches:
        await audit.record_refusal(
            database,
            Action.PROVED,
            actor=caller.user_id,
            subject=Subject("user", caller.user_id),
            changed={"reason": (None, "WRONG_PASSWORD")},
        )
        raise NotAuthenticated(f"{field} is not your password.", code="WRONG_PASSWORD")
    await limit.was_right(database.autocommit(), guess)
    return holder
