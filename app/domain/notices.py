"""What people are told by mail when something about the safety of their account has changed.

Whoever did not do it themselves learns of it here, so a notice says what happened and what to do, and never a secret.
"""

from datetime import timedelta
from enum import Enum

from app.database.executor import Transaction
from app.domain.messages import commands as messages
from app.domain.messages.message import Message
from app.field_encryption import FieldCipher

LIFETIME = timedelta(days=1)  # It is worth knowing late, too.
_ADVICE = "If this was not you, change your password and end all your other sessions at once."


class Notice(Enum):
    """Subject, and what has happened."""

    PASSWORD_CHANGED = ("Your password was changed", "The password of your account was changed.")
    FACTOR_ADDED = (
        "Two-step login was extended",
        "A second factor was added to your account, or replaced by another of its kind.",
    )
    FACTOR_REMOVED = ("A second factor was removed", "A second factor was removed from your account.")
    FACTORS_RESET = (
        "Two-step login was switched off",
        "All second factors of your account were removed by an administrator, and all your sessions were ended.",
    )
    RECOVERY_CODE_USED = (
        "A recovery code was used",
        "One of the recovery codes of your account was used in the place of a second factor. It is worth nothing now.",
    )
    RECOVERY_CODES_MADE = (
        "New recovery codes were made",
        "New recovery codes were made for your account. The older ones are worth nothing now.",
    )
    EXPORT_READY = (
        "The export of your data is ready",
        "The archive of your data that was asked for is ready, for a short time. Log in to fetch it.",
    )
    EXPORT_FAILED = (
        "The export of your data has failed",
        "The archive of your data that was asked for could not be built. Log in to ask for another one.",
    )
    GUESSES_REFUSED = (
        "Somebody fails to prove to be you",
        "No code is looked at for some minutes, so many were wrong. Whoever tries is past your password.",
    )


async def tell(work: Transaction, cipher: FieldCipher, notice: Notice, *, to: str) -> None:
    """Sends a notice to the address `to`, if this transaction is committed."""
    subject, what = notice.value
    text = f"{what}\n\n{_ADVICE}\n"
    message = Message(kind=notice.name.lower(), channel="mail", to=to, subject=subject, text=text, lifetime=LIFETIME)
    await messages.send(work, cipher, message)
