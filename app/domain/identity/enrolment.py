"""Setting second factors up and taking them away: what a login and a step-up ask for from then on.

A factor counts once its user has shown to hold it. Everything here takes a fresh session, and setting up the password
besides: whoever finds an open session can neither add a factor of their own nor take one away.
"""

from msgspec import Struct

from app.database.executor import Database, Transaction
from app.domain import notices
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Changes, Subject
from app.domain.errors import Conflict, NotFound
from app.domain.identity import fresh_repository
from app.domain.identity.authority import Authority
from app.domain.identity.queries import ShownFactor, shown
from app.domain.identity.step_up import prove_password, require_fresh
from app.domain.ids import FactorId, uuid7
from app.domain.notices import Notice
from app.domain.second_factors import code_repository, codes, proving, repository, sending, totp
from app.domain.second_factors.factor import Method, checked_phone
from app.domain.second_factors.keys import FactorKeys
from app.domain.unit_of_work import unit_of_work
from app.domain.users import repository as users_repository
from app.domain.users.caller import Caller
from app.domain.users.repository import PasswordHolder

PURGE_BATCH = 500


class Authenticator(Struct, frozen=True):
    """What an authenticator application is set up with; never shown again."""

    secret: str
    uri: str


class Confirmed(Struct, frozen=True):
    """A factor that counts from now on, and the recovery codes that were made with the first one; never shown again."""

    factor: ShownFactor
    recovery_codes: list[str]


async def begin_totp(
    database: Database, authority: Authority, keys: FactorKeys, caller: Caller, *, password: str
) -> Authenticator:
    """Makes a secret for an authenticator application; the factor counts once it is confirmed within 30 minutes.

    Raises NotAuthenticated (STEP_UP_REQUIRED, WRONG_PASSWORD) and TooManyAttempts.
    """
    secret = totp.secret()
    holder = await _begin(database, authority, keys, caller, Method.TOTP, password=password, text=secret)
    return Authenticator(secret, totp.uri(secret, account=holder.email))


async def begin_sms(
    database: Database, authority: Authority, keys: FactorKeys, caller: Caller, *, password: str, phone_number: str
) -> None:
    """Sends a code to a telephone number, which becomes a factor once the code comes back.

    Raises as `begin_totp`, and Invalid, and Conflict (METHOD_NOT_OFFERED) where none are sent.
    """
    number = checked_phone(phone_number)
    await _begin(database, authority, keys, caller, Method.SMS, password=password, text=number)


async def begin_mail(
    database: Database, authority: Authority, keys: FactorKeys, caller: Caller, *, password: str
) -> None:
    """Sends a code to the account's address: a factor, once the code comes back. Raises as `begin_sms`."""
    await _begin(database, authority, keys, caller, Method.MAIL, password=password, text=None)


async def confirm(database: Database, keys: FactorKeys, caller: Caller, method: Method, code: str) -> Confirmed:
    """Makes a factor count, having accepted a code of it. With the first one come ten recovery codes.

    Other sessions are not fresh any more: what they were proved with is not enough from now on. Raises NotFound if
    nothing is being set up, NotAuthenticated (STEP_UP_REQUIRED, WRONG_CODE) and TooManyAttempts.
    """
    await require_fresh(database.reader, caller)
    factor = await repository.pending(database.reader, caller.user_id, method)
    if factor is None:
        raise NotFound(f"{method} factor that is being set up")
    await proving.prove_factor(database, keys, caller.user_id, method, code, factor=factor)
    async with unit_of_work(database) as work:
        holder = await _locked(work, caller)
        # Again, under the lock: a password that was reset meanwhile has ended the session, and nothing of it may count.
        await require_fresh(work, caller)
        counting = await repository.confirm(work, factor)
        if counting is None:
            raise NotFound(f"{method} factor that is being set up")
        made = [] if holder.has_second_factor else codes.new_recovery_codes()
        if made:
            await _store(work, caller, made)
        await repository.switch(work, caller.user_id, is_on=True)
        await fresh_repository.unprove_others(work, caller.user_id, kept=caller.own_session)
        await notices.tell(work, keys.cipher, Notice.FACTOR_ADDED, to=holder.email)
        _record(work, Action.SECOND_FACTOR_ADDED, caller, {"method": (None, method.value)})
    return Confirmed(shown(keys, counting, email=holder.email), made)


async def remove(database: Database, keys: FactorKeys, caller: Caller, method: Method) -> None:
    """Takes a factor away; with the last one, login takes one step again and the recovery codes are gone.

    Raises NotFound, NotAuthenticated (STEP_UP_REQUIRED), and Conflict (PASSWORD_NEEDS_FACTOR) if the password is too
    weak to stand alone.
    """
    async with unit_of_work(database) as work:
        holder = await _locked(work, caller)
        await require_fresh(work, caller)
        if not await repository.remove(work, caller.user_id, method):
            raise NotFound(f"{method} factor")
        if not await repository.confirmed(work, caller.user_id):
            if holder.password_needs_factor:
                raise Conflict(
                    "Your password is too short without a second factor; choose a longer one first.",
                    code="PASSWORD_NEEDS_FACTOR",
                )
            await code_repository.replace_recovery_codes(work, caller.user_id, [])
            await repository.switch(work, caller.user_id, is_on=False)
        await notices.tell(work, keys.cipher, Notice.FACTOR_REMOVED, to=holder.email)
        _record(work, Action.SECOND_FACTOR_REMOVED, caller, {"method": (method.value, None)})


async def make_recovery_codes(database: Database, keys: FactorKeys, caller: Caller) -> list[str]:
    """Ten new recovery codes; the older ones are worth nothing from now on.

    Raises NotAuthenticated (STEP_UP_REQUIRED), and Conflict (NO_SECOND_FACTOR) if there is nothing to recover.
    """
    made = codes.new_recovery_codes()
    async with unit_of_work(database) as work:
        holder = await _locked(work, caller)
        await require_fresh(work, caller)
        if not holder.has_second_factor:
            raise Conflict("Set a second factor up first; its recovery codes come with it.", code="NO_SECOND_FACTOR")
        await _store(work, caller, made)
        await notices.tell(work, keys.cipher, Notice.RECOVERY_CODES_MADE, to=holder.email)
        _record(work, Action.RECOVERY_CODES_MADE, caller, {})
    return made


async def send_code(database: Database, keys: FactorKeys, caller: Caller, method: Method) -> None:
    """Sends a code of one of the caller's factors, for a step-up. Raises NotFound and TooManyAttempts."""
    factor = await sending.addressee(database.reader, caller.user_id, method)
    holder = await users_repository.password_by_id(database.reader, caller.user_id)
    if factor is None or holder is None:
        raise NotFound(f"{method} factor")
    async with unit_of_work(database) as work:
        await sending.send_code(work, keys, factor, email=holder.email)


async def purge_stale(database: Database) -> int:
    """Deletes what nobody finished setting up, and counts of codes that are a day old, in batches; says how many."""
    deleted = 0
    while True:
        async with unit_of_work(database) as work:
            factors = await repository.purge(work, limit=PURGE_BATCH)
            sendings = await code_repository.purge_sendings(work, limit=PURGE_BATCH, window=sending.WINDOW)
        deleted += factors + sendings
        if max(factors, sendings) < PURGE_BATCH:
            return deleted


async def _begin(
    database: Database,
    authority: Authority,
    keys: FactorKeys,
    caller: Caller,
    method: Method,
    *,
    password: str,
    text: str | None,
) -> PasswordHolder:
    if method not in keys.offered:
        raise Conflict(f"This service sends no codes by {method}.", code="METHOD_NOT_OFFERED")
    await require_fresh(database.reader, caller)
    holder = await prove_password(database, authority, caller, password, field="password")
    factor_id = FactorId(uuid7())
    sealed = None if text is None else keys.seal(text, factor_id)
    async with unit_of_work(database) as work:
        await require_fresh(work, caller)
        factor = await repository.begin(work, factor_id, user_id=caller.user_id, method=method, sealed=sealed)
        # In one: if a code may not be sent yet, the one that is on its way stays what it was.
        if method is not Method.TOTP:
            await sending.send_code(work, keys, factor, email=holder.email)
    return holder


async def _locked(work: Transaction, caller: Caller) -> PasswordHolder:
    """The caller as they are now; nobody else changes their password or their factors until this ends."""
    await users_repository.lock(work, caller.user_id)
    holder = await users_repository.password_by_id(work, caller.user_id)
    if holder is None:
        raise NotFound("user", caller.user_id)
    return holder


async def _store(work: Transaction, caller: Caller, made: list[str]) -> None:
    hashes = [codes.recovery_hash(caller.user_id, code) for code in made]
    await code_repository.replace_recovery_codes(work, caller.user_id, hashes)


def _record(work: Transaction, action: Action, caller: Caller, changed: Changes) -> None:
    audit.record(work, action, actor=caller.user_id, subject=Subject("user", caller.user_id), changed=changed)
