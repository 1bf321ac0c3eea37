"""Rows as lines of an archive: what is encrypted opened, what is about others taken out.

Knows what a person may read about themselves; refuses to know where rows come from and how lines are packed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from app.domain.ids import UserId
from app.domain.text import fold
from app.field_encryption import FieldCipher, Place, Unreadable
from app.telemetry.logging import get_logger

log = get_logger(__name__)

ANOTHER_PERSON = "another person"

# Members of what the log says was changed that name people by their ids.
_IDS_OF_PEOPLE = ("assignee_id", "user_id", "member_id")


@dataclass(frozen=True)
class Person:
    """Whom the archive is about, and how messages reach them."""

    user_id: UserId
    recipients: frozenset[str]  # addresses, case folded, and telephone numbers

    def is_reached_at(self, recipient: str) -> bool:
        """True if a message to `recipient` is for this person."""
        return fold(recipient) in self.recipients


def line_of(file: str, members: dict[str, Any], person: Person, cipher: FieldCipher) -> dict[str, Any] | None:
    """The line that a row makes in this file; None if it is somebody else's."""
    match file:
        case "second_factors":
            return _second_factor(members, cipher)
        case "messages":
            return _message(members, person, cipher)
        case "events":
            return _event(members, person)
        case _:
            return members


def _second_factor(members: dict[str, Any], cipher: FieldCipher) -> dict[str, Any]:
    """With the telephone number, which is the person's; without the secret of an authenticator, which proves it."""
    sealed, method = members["sealed"], members["method"]
    phone_number = phone_of(cipher, members["id"], sealed) if sealed is not None and method == "sms" else None
    return {("phone_number" if name == "sealed" else name): value for name, value in members.items()} | {
        "phone_number": phone_number
    }


def phone_of(cipher: FieldCipher, factor_id: UUID, sealed: bytes) -> str | None:
    """The telephone number that is stored with a second factor; None if its key is lost: nobody has it any more."""
    try:
        return cipher.decrypt(sealed, place=Place("second_factors", "sealed", factor_id))
    except Unreadable as error:
        log.warning("a telephone number is missing in an export", factor_id=str(factor_id), reason=str(error))
        return None


def _message(members: dict[str, Any], person: Person, cipher: FieldCipher) -> dict[str, Any] | None:
    sealed = members.pop("recipient")
    try:
        recipient = cipher.decrypt(sealed, place=Place("messages", "recipient", members["id"]))
    except Unreadable:  # Nobody can say whose it is; it will be delivered to nobody either.
        return None
    return members if person.is_reached_at(recipient) else None


def _event(members: dict[str, Any], person: Person) -> dict[str, Any]:
    told = members["changed"]
    changed: Mapping[str, list[Any]] | None = None if told is None else msgspec.json.decode(told)
    if changed is not None:
        members["changed"] = {
            name: [_without_others(value, person) for value in values] if name in _IDS_OF_PEOPLE else values
            for name, values in changed.items()
        }
    return members


def _without_others(value: Any, person: Person) -> Any:
    return value if value is None or value == str(person.user_id) else ANOTHER_PERSON
