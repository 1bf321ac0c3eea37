"""How the rows of the log are chained: the same bytes, hashed the same way, as the database's own trigger does it.

Written a second time on purpose. Whoever can change the trigger cannot change what this recognises.
"""

import hashlib
from datetime import UTC, date, datetime
from uuid import UUID

from msgspec import Struct

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Link(Struct, frozen=True):
    """One row, in the order in which its fields are hashed after its number; `changed` as the very text stored.

    Without a `salt`, what the seal stands for has been forgotten, and the seal is all there is.
    """

    number: int
    at: datetime
    id: UUID
    actor_kind: str
    actor_id: UUID | None
    token_id: UUID | None
    action: str
    outcome: str
    subject_kind: str | None
    subject_id: str | None
    team_id: UUID | None
    request_id: str | None
    seal: bytes
    salt: bytes | None
    address: str | None
    changed: str | None
    hash: bytes
    forgotten_by: UUID | None = None


def start_of(month: date, chain: int) -> bytes:
    """What the first row of a chain follows."""
    return hashlib.sha256(_field(month.strftime("%Y-%m")) + _field(chain)).digest()


def seal_of(salt: bytes, address: str | None, changed: str | None) -> bytes:
    """What stands in the chain for the two fields that may have to be forgotten."""
    return hashlib.sha256(salt + _field(address) + _field(changed)).digest()


def hash_of(previous: bytes, link: Link) -> bytes:
    """The hash of a row that follows the one with the hash `previous`."""
    fields = (
        link.number,
        _microseconds(link.at),
        link.id,
        link.actor_kind,
        link.actor_id,
        link.token_id,
        link.action,
        link.outcome,
        link.subject_kind,
        link.subject_id,
        link.team_id,
        link.request_id,
        link.seal.hex(),
    )
    return hashlib.sha256(previous + b"".join(map(_field, fields))).digest()


def _field(value: object) -> bytes:
    """A value as it is hashed: length in bytes, colon, text, comma; `-,` for none. So no two lists look alike."""
    if value is None:
        return b"-,"
    text = str(value).encode()
    return b"%d:%b," % (len(text), text)


def _microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
