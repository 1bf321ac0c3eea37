"""Registering: an account comes to be when whoever has its address and knows its password says so.

Until then there is none: nothing to log into, nothing that keeps the address from anybody else, and the same answer for
every address. The mail alone is not enough either, or somebody could have a stranger's click confirm an account whose
password only they know. Source: Sudhodanan and Paverd, Pre-hijacked accounts (USENIX Security 2022).
"""

from msgspec import Struct

from app.database.executor import Database
from app.domain.errors import Conflict, NotAuthenticated
from app.domain.identity import mailed_token_repository as repository
from app.domain.identity import password_policy
from app.domain.identity.authority import Authority
from app.domain.identity.commands import insert_account
from app.domain.identity.letters import Letters
from app.domain.identity.mailed_token_repository import Pending
from app.domain.identity.mailed_tokens import Purpose, new_token, not_valid
from app.domain.unit_of_work import unit_of_work
from app.domain.users.faults import Faults
from app.domain.users.user import User, checked_email, checked_name, checked_timezone


class Registration(Struct, frozen=True):
    """What somebody gives to get an account."""

    email: str
    name: str
    password: str
    timezone: str = "UTC"


async def register(database: Database, authority: Authority, letters: Letters, registration: Registration) -> None:
    """Mails a token that makes the account; to the owner of an address that has one, that it has.

    Both after the same work: one hash, the same statements. Raises Invalid with every fault.
    """
    faults = Faults()
    email = faults.of(checked_email, registration.email)
    name = faults.of(checked_name, registration.name)
    timezone = faults.of(checked_timezone, registration.timezone)
    password = faults.of(lambda text: password_policy.checked(text, email=email, name=name), registration.password)
    faults.raise_any()
    pending = Pending(email, name, await authority.passwords.hash(password), timezone)
    token = new_token()
    async with unit_of_work(database) as work:
        await repository.line_up(work, email)
        written = await repository.write_registration(work, token, pending)
        if written is None:
            return
        if written.is_good:
            await letters.confirm_registration(work, to=written.email, token=token)
        else:
            await letters.already_registered(work, to=written.email)


async def resend(database: Database, letters: Letters, email: str) -> None:
    """Mails another token for the newest registration of an address; the earlier ones stay good. Raises Invalid.

    Where there is none the mail says so, after the same work.
    """
    email = checked_email(email)
    token = new_token()
    async with unit_of_work(database) as work:
        await repository.line_up(work, email)
        written = await repository.write_registration_again(work, token, email)
        if written is None:
            return
        if written.is_good:
            await letters.confirm_registration(work, to=written.email, token=token)
        else:
            await letters.nothing_to_confirm(work, to=written.email)


async def confirm(database: Database, authority: Authority, token: str, *, password: str) -> User:
    """Makes the account, with its personal team; its other registrations are good for nothing from then on.

    Raises NotAuthenticated: INVALID_MAIL_TOKEN, also if another account has got the address meanwhile; and
    WRONG_PASSWORD, which leaves the token as it is.
    """
    pending = await repository.pending(database.reader, token)
    if pending is None:
        raise not_valid()
    if not await authority.passwords.verify(pending.password_hash, password):
        raise NotAuthenticated("password is not the one that was chosen at registration.", code="WRONG_PASSWORD")
    try:
        async with unit_of_work(database) as work:
            await repository.line_up(work, pending.email)
            if await repository.take(work, token, Purpose.REGISTRATION) is None:
                raise not_valid()
            await repository.end_of_address(work, pending.email, Purpose.REGISTRATION)
            return await insert_account(
                work,
                email=pending.email,
                name=pending.name,
                password_hash=pending.password_hash,
                timezone=pending.timezone,
            )
    except Conflict:
        raise not_valid() from None
