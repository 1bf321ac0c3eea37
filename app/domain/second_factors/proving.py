"""Accepting the proof of a second factor: each proof once, and wrong ones only so often.

What is accepted is used up in a transaction of its own, before anything is done on the strength of it: whatever goes
wrong afterwards, the same proof is never accepted again (RFC 6238 §5.2).
"""

import hmac
import time
from typing import NoReturn, TypedDict

from app.database.executor import Database, Transaction
from app.domain import notices
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Changes, Subject
from app.domain.errors import NotAuthenticated
from app.domain.guesses import limit
from app.domain.guesses.limit import Guess, Secret
from app.domain.ids import UserId
from app.domain.notices import Notice
from app.domain.second_factors import code_repository, codes, repository, totp
from app.domain.second_factors.factor import Factor, Method
from app.domain.second_factors.keys import FactorKeys
from app.domain.unit_of_work import unit_of_work
from app.domain.users import repository as users_repository


class Told(TypedDict):
    """What the audit log is told of a proof, accepted or not."""

    actor: UserId
    subject: Subject
    changed: Changes


async def prove(database: Database, keys: FactorKeys, user_id: UserId, method: Method, code: str) -> None:
    """Accepts a code of one of the user's factors, or a recovery code.

    Raises NotAuthenticated (WRONG_CODE), also if the user has no such factor, and TooManyAttempts before anything is
    looked at.
    """
    if method is Method.RECOVERY_CODE:
        await _prove_recovery_code(database, keys, user_id, code)
        return
    of_method = [factor for factor in await repository.confirmed(database.reader, user_id) if factor.method is method]
    await prove_factor(database, keys, user_id, method, code, factor=of_method[0] if of_method else None)


async def prove_factor(
    database: Database, keys: FactorKeys, user_id: UserId, method: Method, code: str, *, factor: Factor | None
) -> None:
    """Accepts a code of this factor, confirmed or not. Raises as `prove`."""
    guess = await limit.admit(database, user_id, Secret(method.value))
    if factor is None:
        is_accepted = False
    elif method is Method.TOTP:
        is_accepted = await _accept_step(database, keys, guess, factor, code)
    else:
        is_accepted = await _accept_sent_code(database, keys, guess, factor, code)
    if not is_accepted:
        await _refuse(database, keys, guess)


async def _accept_step(database: Database, keys: FactorKeys, guess: Guess, factor: Factor, code: str) -> bool:
    step = totp.matching_step(keys.opened(factor), code, now=time.time(), after=factor.last_step)
    if step is None:
        return False
    async with unit_of_work(database) as work:
        is_accepted = await repository.take_step(work, factor.id, step)
        if is_accepted:
            await _was_right(work, guess)
    return is_accepted


async def _accept_sent_code(database: Database, keys: FactorKeys, guess: Guess, factor: Factor, code: str) -> bool:
    sent = await repository.try_code(database.autocommit(), factor.id, tries=codes.TRIES)
    if sent is None or not hmac.compare_digest(sent, keys.codes.hash(factor.id, code)):
        return False
    async with unit_of_work(database) as work:
        is_accepted = await repository.take_code(work, factor.id, sent)
        if is_accepted:
            await _was_right(work, guess)
    return is_accepted


async def _prove_recovery_code(database: Database, keys: FactorKeys, user_id: UserId, code: str) -> None:
    guess = await limit.admit(database, user_id, Secret.RECOVERY_CODE)
    async with unit_of_work(database) as work:
        is_accepted = await code_repository.take_recovery_code(work, user_id, codes.recovery_hash(user_id, code))
        if is_accepted:
            await _was_right(work, guess)
            await _tell(work, keys, user_id, Notice.RECOVERY_CODE_USED)
    if not is_accepted:
        await _refuse(database, keys, guess)


async def _was_right(work: Transaction, guess: Guess) -> None:
    await limit.was_right(work, guess)
    audit.record(work, Action.SECOND_FACTOR_PROVED, **_told(guess))


async def _refuse(database: Database, keys: FactorKeys, guess: Guess) -> NoReturn:
    """Raises NotAuthenticated; the user is told when no more guesses are looked at."""
    await audit.record_refusal(database, Action.SECOND_FACTOR_REFUSED, **_told(guess))
    if guess.is_last:
        async with unit_of_work(database) as work:
            await _tell(work, keys, guess.user_id, Notice.GUESSES_REFUSED)
    raise NotAuthenticated("The code is wrong, was used already, or is too old; take the next one.", code="WRONG_CODE")


def _told(guess: Guess) -> Told:
    """Who it is about, and what was guessed at."""
    return {
        "actor": guess.user_id,
        "subject": Subject("user", guess.user_id),
        "changed": {"method": (None, guess.secret.value)},
    }


async def _tell(work: Transaction, keys: FactorKeys, user_id: UserId, notice: Notice) -> None:
    holder = await users_repository.password_by_id(work, user_id)
    if holder is not None:
        await notices.tell(work, keys.cipher, notice, to=holder.email)
