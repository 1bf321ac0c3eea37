"""Taking second factors from somebody who has lost them: the way back in that needs another person."""

from app.database.executor import Database, Transaction
from app.domain import notices
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.errors import Conflict, NotFound
from app.domain.identity import repository
from app.domain.identity.administration import require_still_administrator
from app.domain.identity.session import Ending
from app.domain.identity.step_up import require_fresh
from app.domain.ids import UserId
from app.domain.notices import Notice
from app.domain.second_factors import code_repository
from app.domain.second_factors import repository as factors_repository
from app.domain.unit_of_work import unit_of_work
from app.domain.users import repository as users_repository
from app.domain.users.caller import Caller
from app.domain.users.user import User
from app.field_encryption import FieldCipher


async def reset_second_factors(database: Database, cipher: FieldCipher, caller: Caller, user_id: UserId) -> None:
    """Takes all second factors and recovery codes from somebody who has lost them, ends their sessions and tells them.

    For administrators in a fresh session. Somebody whose password was good enough only next to a second factor has to
    reset it before the next login. Raises NotFound (for those who do not see the user), NotAllowed, NotAuthenticated
    (STEP_UP_REQUIRED) and Conflict (NO_SECOND_FACTOR).
    """
    if not caller.is_administrator and caller.user_id != user_id:
        raise NotFound("user", user_id)
    async with unit_of_work(database) as work:
        locked = await users_repository.lock(work, caller.user_id, user_id)
        require_still_administrator(locked.get(caller.user_id))
        await require_fresh(work, caller)
        user = locked.get(user_id)
        if user is None:
            raise NotFound("user", user_id)
        await _take_factors(work, cipher, user, actor=caller.user_id)


async def reset_second_factors_of(database: Database, cipher: FieldCipher, email: str) -> None:
    """The same for the account with this address, by whoever runs the service. Raises NotFound and Conflict."""
    holder = await users_repository.password_by_email(database.reader, email)
    if holder is None:
        raise NotFound("user", email)
    async with unit_of_work(database) as work:
        user = (await users_repository.lock(work, holder.user_id))[holder.user_id]
        await _take_factors(work, cipher, user, actor=None)


async def _take_factors(work: Transaction, cipher: FieldCipher, user: User, *, actor: UserId | None) -> None:
    if not await factors_repository.remove_all(work, user.id):
        raise Conflict("The account has no second factor.", code="NO_SECOND_FACTOR")
    await code_repository.replace_recovery_codes(work, user.id, [])
    await factors_repository.switch(work, user.id, is_on=False)
    ended = await repository.revoke_all(work, user.id, Ending.FACTORS_RESET)
    await notices.tell(work, cipher, Notice.FACTORS_RESET, to=user.email)
    subject = Subject("user", user.id)
    audit.record(work, Action.SECOND_FACTORS_RESET, actor=actor, subject=subject, changed={"session_ids": (ended, [])})
