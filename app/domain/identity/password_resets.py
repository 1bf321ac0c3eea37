"""A new password for who has forgotten theirs and reads the mail of their account. A second factor stays as it is."""

from app.database.executor import Database
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.identity import mailed_token_repository as tokens
from app.domain.identity import password_policy, repository
from app.domain.identity.authority import Authority
from app.domain.identity.letters import Letters
from app.domain.identity.mailed_tokens import Purpose, new_token, not_valid
from app.domain.identity.session import Ending
from app.domain.unit_of_work import unit_of_work
from app.domain.users import password_repository
from app.domain.users import repository as users_repository
from app.domain.users.user import checked_email


async def ask(database: Database, letters: Letters, email: str) -> None:
    """Mails a token for a new password, which ends earlier ones; to an address without an account, that it has none.

    Both after the same work. Raises Invalid for what is no address.
    """
    email = checked_email(email)
    token = new_token()
    async with unit_of_work(database) as work:
        await tokens.line_up(work, email)
        written = await tokens.write_reset(work, token, email)
        if written is None:
            return
        await tokens.end_of_address(work, email, Purpose.PASSWORD_RESET, kept=token)
        subject = None if written.user_id is None else Subject("user", written.user_id)
        audit.record(work, Action.PASSWORD_RESET_ASKED, subject=subject)
        if written.is_good:
            await letters.reset_password(work, to=written.email, token=token)
        else:
            await letters.no_account(work, to=written.email)


async def reset(database: Database, authority: Authority, letters: Letters, token: str, *, new_password: str) -> None:
    """Replaces the password, ends all sessions and all other tokens of the account, and mails that it happened.

    Second factors stay: the next login asks for one, and who has one may have a shorter password. Raises
    NotAuthenticated (INVALID_MAIL_TOKEN), and Invalid about #/new_password, which leaves the token as it is.
    """
    holder = await tokens.resetting(database.reader, token)
    if holder is None:
        raise not_valid()
    password_policy.checked(
        new_password,
        email=holder.email,
        name=holder.name,
        has_second_factor=holder.has_second_factor,
        pointer="#/new_password",
    )
    needs_factor = password_policy.needs_second_factor(new_password, email=holder.email, name=holder.name)
    new_hash = await authority.passwords.hash(new_password)
    async with unit_of_work(database) as work:
        user = (await users_repository.lock(work, holder.user_id)).get(holder.user_id)
        # Looked at once more under the lock: whatever changed the account meanwhile has ended the token.
        is_good = user is not None and await tokens.take(work, token, Purpose.PASSWORD_RESET) is not None
        if not is_good or not await password_repository.replace_password(
            work, holder.user_id, old_hash=holder.password_hash, new_hash=new_hash, needs_factor=needs_factor
        ):
            raise not_valid()
        await tokens.end_of_user(work, holder.user_id)
        ended = await repository.revoke_all(work, holder.user_id, Ending.PASSWORD_RESET)
        audit.record(
            work,
            Action.PASSWORD_RESET,
            actor=holder.user_id,
            subject=Subject("user", holder.user_id),
            changed={"password": (None, None), "session_ids": (ended, [])},
        )
        await letters.password_was_reset(work, to=holder.email)
