"""How a login is refused: every time with an entry in the audit log, and with no word about what was wrong.

Only who has proved the password learns more, and then what to do.
"""

from typing import NoReturn

from app.database.executor import Database
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.errors import NotAuthenticated
from app.domain.users import repository as users_repository
from app.domain.users.repository import PasswordHolder


async def refuse(holder: PasswordHolder | None, database: Database, reason: str) -> NoReturn:
    """Raises NotAuthenticated (INVALID_CREDENTIALS)."""
    await _record(holder, database, reason)
    raise NotAuthenticated(
        "The address or the password is wrong, or the account is not active.", code="INVALID_CREDENTIALS"
    )


async def refuse_closed(holder: PasswordHolder, database: Database) -> NoReturn:
    """Raises NotAuthenticated; DELETION_SCHEDULED to who is about to leave and has proved the password."""
    if not await users_repository.is_leaving(database.reader, holder.user_id):
        await refuse(holder, database, "ACCOUNT_NOT_ACTIVE")
    await _record(holder, database, "DELETION_SCHEDULED")
    raise NotAuthenticated(
        "This account is about to be deleted; the mail that was sent to its address says how to call that off.",
        code="DELETION_SCHEDULED",
    )


async def refuse_weak_password(holder: PasswordHolder, database: Database) -> NoReturn:
    """Raises NotAuthenticated (PASSWORD_RESET_REQUIRED); who cannot come in anyway gets the answer of all of those."""
    user = await users_repository.by_id(database.reader, holder.user_id)
    if user is None or not user.is_active or await users_repository.is_leaving(database.reader, holder.user_id):
        await refuse_closed(holder, database)
    await _record(holder, database, "PASSWORD_RESET_REQUIRED")
    raise NotAuthenticated(
        "Your second factor was taken away, and your password is too short without one; reset it.",
        code="PASSWORD_RESET_REQUIRED",
    )


async def _record(holder: PasswordHolder | None, database: Database, reason: str) -> None:
    """Whoever failed is nobody known. What they typed is not kept: it may be a password in the wrong field."""
    subject = None if holder is None else Subject("user", holder.user_id)
    await audit.record_refusal(database, Action.LOGGED_IN, subject=subject, changed={"reason": (None, reason)})
