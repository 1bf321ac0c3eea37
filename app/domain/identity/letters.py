"""The mails about accounts: what each says, and where its link leads.

Nothing that somebody else has typed stands in them: a mail in our name that says what a stranger wants would be theirs.
A token stands behind the `#` of its link, which browsers send to no server, neither ours nor in `Referer`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.database.executor import Transaction
from app.domain.identity.mailed_tokens import LIFETIME
from app.domain.messages import commands as messages
from app.domain.messages.message import Message
from app.field_encryption import FieldCipher

# What is worth knowing late, too.
IMPORTANT = timedelta(days=1)
_GOOD_FOR = f"It is good for {LIFETIME.seconds // 60} minutes, and once."
_NOT_YOU = "If it was not you, there is nothing to do: without this mail nothing happens."


class AccountPage(StrEnum):
    """The pages of the client, below ACCOUNT_PAGES_URL, that take a token."""

    CONFIRM_REGISTRATION = "confirm-registration"
    RESET_PASSWORD = "reset-password"  # noqa: S105 - a page, not a password
    CONFIRM_EMAIL = "confirm-email"
    CANCEL_DELETION = "cancel-deletion"


@dataclass(frozen=True)
class Letters:
    """Writes mails that the worker delivers once `work` is committed. Each costs one round trip, the same for all."""

    cipher: FieldCipher
    pages_url: str

    async def confirm_registration(self, work: Transaction, *, to: str, token: str) -> None:
        """To somebody who has registered."""
        await self._send(
            work,
            "confirm_registration",
            to,
            "Confirm your registration",
            "Somebody has registered for the todo service with this address. If it was you, confirm it here with the "
            f"password that you chose:\n\n{self._link(AccountPage.CONFIRM_REGISTRATION, token)}\n\n{_GOOD_FOR}\n\n"
            f"{_NOT_YOU}",
        )

    async def already_registered(self, work: Transaction, *, to: str) -> None:
        """To the owner of an account whose address was used to register."""
        await self._send(
            work,
            "already_registered",
            to,
            "You have an account already",
            "Somebody wanted to register for the todo service with this address. You have an account with it: log in, "
            "or choose a new password if you have forgotten yours.\n\nIf it was not you, there is nothing to do.",
        )

    async def nothing_to_confirm(self, work: Transaction, *, to: str) -> None:
        """To an address for which nobody has registered lately."""
        await self._send(
            work,
            "nothing_to_confirm",
            to,
            "There is nothing to confirm",
            "Somebody asked us for another mail to confirm a registration for the todo service with this address. None "
            "waits: log in if you have an account, or register again.\n\nIf it was not you, there is nothing to do.",
        )

    async def reset_password(self, work: Transaction, *, to: str, token: str) -> None:
        """To the owner of an account who has forgotten the password."""
        await self._send(
            work,
            "reset_password",
            to,
            "Choose a new password",
            "Somebody has asked for a new password for your account at the todo service. If it was you, choose it "
            f"here:\n\n{self._link(AccountPage.RESET_PASSWORD, token)}\n\n{_GOOD_FOR}\n\n{_NOT_YOU}",
        )

    async def no_account(self, work: Transaction, *, to: str) -> None:
        """To an address for which a new password was wanted, and which no active account has."""
        await self._send(
            work,
            "no_account",
            to,
            "There is no account with this address",
            "Somebody asked for a new password at the todo service. No active account has this address; perhaps yours "
            "has another one.\n\nIf it was not you, there is nothing to do.",
        )

    async def password_was_reset(self, work: Transaction, *, to: str) -> None:
        """To the owner of an account, after the fact."""
        await self._send(
            work,
            "password_was_reset",
            to,
            "Your password was changed",
            "A new password was chosen for your account at the todo service, by the link that we had mailed to this "
            "address. Everybody was logged out.\n\nIf it was not you, somebody reads your mail: secure your mailbox "
            "first, then ask for another new password.",
        )

    async def confirm_email(self, work: Transaction, *, to: str, token: str) -> None:
        """To the new address of an account."""
        await self._send(
            work,
            "confirm_email",
            to,
            "Confirm your new address",
            "Somebody wants to use this address for their account at the todo service. If it was you, confirm it here, "
            f"where you are logged in:\n\n{self._link(AccountPage.CONFIRM_EMAIL, token)}\n\n{_GOOD_FOR}\n\n{_NOT_YOU}",
        )

    async def email_is_taken(self, work: Transaction, *, to: str) -> None:
        """To the owner of an account whose address was wanted for another one."""
        await self._send(
            work,
            "email_is_taken",
            to,
            "Your address was wanted for another account",
            "Somebody wanted to use this address for another account at the todo service. You have an account with it, "
            "and keep it.\n\nIf it was you, change the address of that account first. If not, there is nothing to do.",
        )

    async def email_will_change(self, work: Transaction, *, to: str) -> None:
        """To the present address of an account that is to have another one."""
        await self._send(
            work,
            "email_will_change",
            to,
            "Your address is about to change",
            "Another address was entered for your account at the todo service. It takes effect when it is confirmed "
            "there.\n\nIf it was not you, somebody is logged in as you: change your password at once. That logs "
            "everybody else out, and the other address cannot be confirmed any more.",
        )

    async def email_has_changed(self, work: Transaction, *, to: str) -> None:
        """To the address that an account had, after the fact."""
        await self._send(
            work,
            "email_has_changed",
            to,
            "Your address has changed",
            "Your account at the todo service has another address now; this one is not used for it any more.\n\nIf it "
            "was not you, tell whoever runs the service at once: the account can be given back to you only there.",
        )

    async def deletion_scheduled(self, work: Transaction, *, to: str, token: str, due: datetime) -> None:
        """To the owner of an account that will be erased."""
        await self._send(
            work,
            "deletion_scheduled",
            to,
            "Your account will be deleted",
            "Your account at the todo service is closed: everybody was logged out, and its API keys have ended. On "
            f"{due:%Y-%m-%d at %H:%M} UTC it is erased, with its personal team and all that is in it. What you wrote "
            "in teams that you share stays there, without your name.\n\nUntil then you can call it off "
            f"here:\n\n{self._link(AccountPage.CANCEL_DELETION, token)}\n\nIf it was not you, call it off, then choose "
            "a new password.",
            lifetime=IMPORTANT,
        )

    async def no_deletion(self, work: Transaction, *, to: str) -> None:
        """To an address for which somebody wanted to call a deletion off, and there is none."""
        await self._send(
            work,
            "no_deletion",
            to,
            "There is no deletion to call off",
            "Somebody wanted to call off the deletion of an account at the todo service. No account with this address "
            "is about to be deleted.\n\nIf it was not you, there is nothing to do.",
        )

    async def deletion_cancelled(self, work: Transaction, *, to: str) -> None:
        """To the owner of an account that stays, after all."""
        await self._send(
            work,
            "deletion_cancelled",
            to,
            "Your account stays",
            "The deletion of your account at the todo service was called off. Log in as before; API keys have to be "
            "made anew.\n\nIf it was not you, somebody reads your mail: secure your mailbox first, then ask for a new "
            "password.",
            lifetime=IMPORTANT,
        )

    def _link(self, page: AccountPage, token: str) -> str:
        return f"{self.pages_url}/{page.value}#token={token}"

    async def _send(
        self, work: Transaction, kind: str, to: str, subject: str, text: str, *, lifetime: timedelta = LIFETIME
    ) -> None:
        message = Message(kind=kind, channel="mail", to=to, subject=subject, text=text, lifetime=lifetime)
        await messages.send(work, self.cipher, message)
