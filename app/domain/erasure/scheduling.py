"""Asking for one's account to be erased, and calling it off while there is time.

Calling it off takes the mail that was sent to the account's address, and nothing else: a password is what whoever took
the account over may have, and would keep its owner from it. All that it opens is the way back to a login.
"""

from datetime import datetime, timedelta

from app.database.executor import Database
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.erasure import repository
from app.domain.errors import Conflict, NotFound
from app.domain.identity import api_key_repository
from app.domain.identity import mailed_token_repository as tokens
from app.domain.identity import repository as session_repository
from app.domain.identity.api_key import KeyEnding
from app.domain.identity.letters import Letters
from app.domain.identity.mailed_tokens import Purpose, new_token, not_valid
from app.domain.identity.session import Ending
from app.domain.identity.step_up import require_fresh
from app.domain.unit_of_work import unit_of_work
from app.domain.users import repository as users_repository
from app.domain.users.caller import ADMINISTRATOR, Caller
from app.domain.users.user import checked_email


async def schedule(database: Database, letters: Letters, caller: Caller, *, delay: timedelta) -> datetime:
    """Closes the caller's account now and has it erased after `delay`; when that is. Mails how to call it off.

    All sessions and API keys end, this session included. Raises NotAuthenticated (STEP_UP_REQUIRED) and Conflict
    (ADMINISTRATOR): there must be one left, so administrators have the role taken away first, by another.
    """
    token = new_token()
    async with unit_of_work(database) as work:
        user = (await users_repository.lock(work, caller.user_id)).get(caller.user_id)
        await require_fresh(work, caller)  # Under the lock: the session may have ended while this waited.
        if user is None:
            raise NotFound("user", caller.user_id)
        if ADMINISTRATOR in user.roles:
            detail = "Administrators cannot delete their account; have another one take the role away first."
            raise Conflict(detail, code="ADMINISTRATOR")
        await tokens.end_of_user(work, user.id)
        due = await repository.schedule(work, user.id, delay)
        await tokens.write_cancellation(work, token, user.email)
        ended = await session_repository.revoke_all(work, user.id, Ending.DELETION_SCHEDULED)
        keys = await api_key_repository.revoke_all(work, user.id, KeyEnding.DELETION_SCHEDULED)
        audit.record(
            work,
            Action.DELETION_SCHEDULED,
            actor=user.id,
            subject=Subject("user", user.id),
            changed={
                "deletion_scheduled_at": (None, due),
                "session_ids": (ended, []),
                **({"api_key_ids": (keys, [])} if keys else {}),
            },
        )
        await letters.deletion_scheduled(work, to=user.email, token=token, due=due)
        return due


async def resend(database: Database, letters: Letters, email: str) -> None:
    """Mails another token that calls the deletion off; to an address without any, that there is none.

    Both after the same work. Raises Invalid for what is no address.
    """
    email = checked_email(email)
    token = new_token()
    async with unit_of_work(database) as work:
        await tokens.line_up(work, email)
        written = await tokens.write_cancellation_again(work, token, email)
        if written is None:
            return
        due = await repository.scheduled_at(work, written.user_id)
        if written.is_good and due is not None:
            await letters.deletion_scheduled(work, to=written.email, token=token, due=due)
        else:
            await letters.no_deletion(work, to=written.email)


async def cancel(database: Database, letters: Letters, token: str) -> None:
    """Calls the deletion off, so that its owner can log in again; what has ended stays ended.

    Raises NotAuthenticated (INVALID_MAIL_TOKEN), also when the erasure is due: it may have begun.
    """
    user_id = await tokens.leaving(database.reader, token)
    if user_id is None:
        raise not_valid()
    async with unit_of_work(database) as work:
        user = (await users_repository.lock(work, user_id)).get(user_id)
        is_good = user is not None and await tokens.take(work, token, Purpose.DELETION) is not None
        if user is None or not is_good or not await repository.call_off(work, user_id):
            raise not_valid()
        await tokens.delete_cancellations(work, user_id)
        audit.record(work, Action.DELETION_CANCELLED, actor=user_id, subject=Subject("user", user_id))
        await letters.deletion_cancelled(work, to=user.email)
