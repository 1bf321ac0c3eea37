"""Another address for an account: it takes effect when its owner, logged in, sends back what was mailed to it.

The mail alone is not enough: of an address with a slip in it, somebody else reads the mail.
"""

from msgspec.structs import replace

from app.database.executor import Database
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import NAMED_ONLY, Subject, differences
from app.domain.errors import Conflict, NotFound
from app.domain.identity import mailed_token_repository as repository
from app.domain.identity.letters import Letters
from app.domain.identity.mailed_tokens import Purpose, new_token, not_valid
from app.domain.identity.step_up import require_fresh
from app.domain.unit_of_work import unit_of_work
from app.domain.users import repository as users_repository
from app.domain.users.caller import Caller
from app.domain.users.user import User, checked_email


async def ask(database: Database, letters: Letters, caller: Caller, email: str) -> None:
    """Mails a token to the new address, and a warning to the present one. Earlier tokens of the account end.

    For an address that another account has, the same work: its owner is told, and nobody else.
    Raises Invalid, and NotAuthenticated (STEP_UP_REQUIRED).
    """
    email = checked_email(email)
    token = new_token()
    async with unit_of_work(database) as work:
        await repository.line_up(work, email)
        user = (await users_repository.lock(work, caller.user_id)).get(caller.user_id)
        if user is None:
            raise NotFound("user", caller.user_id)
        # Under the lock: what ends a session ends these tokens as well, and must not be followed by a new one.
        await require_fresh(work, caller)
        written = await repository.write_email_change(work, token, user.id, email)
        if written is None:
            return
        await repository.end_of_user(work, user.id, kept=token)
        # The address may be somebody else's, and would outlive them here: it is told once it is this account's.
        changed = {"email": (NAMED_ONLY, NAMED_ONLY)}
        subject = Subject("user", user.id)
        audit.record(work, Action.EMAIL_CHANGE_ASKED, actor=user.id, subject=subject, changed=changed)
        if written.is_good:
            await letters.confirm_email(work, to=written.email, token=token)
        else:
            await letters.email_is_taken(work, to=written.email)
        await letters.email_will_change(work, to=user.email)


async def confirm(database: Database, letters: Letters, caller: Caller, token: str) -> User:
    """Gives the caller's account the address that the token was mailed to; says so to the one that it had.

    Sessions stay. Raises NotAuthenticated (INVALID_MAIL_TOKEN), also if another account has got the address meanwhile.
    """
    email = await repository.changing(database.reader, token, caller.user_id)
    if email is None:
        raise not_valid()
    try:
        async with unit_of_work(database) as work:
            await repository.line_up(work, email)
            user = (await users_repository.lock(work, caller.user_id)).get(caller.user_id)
            confirmed = await repository.take(work, token, Purpose.EMAIL_CHANGE)
            if user is None or confirmed is None:
                raise not_valid()
            changed = await users_repository.update_user(
                work, replace(user, email=confirmed.email, email_verified_at=confirmed.at)
            )
            await repository.end_of_user(work, user.id)
            audit.record(
                work,
                Action.EMAIL_CHANGED,
                actor=user.id,
                subject=Subject("user", user.id),
                changed=differences(user, changed, "email"),
            )
            await letters.email_has_changed(work, to=user.email)
            return changed
    except Conflict:
        raise not_valid() from None
