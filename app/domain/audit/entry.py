"""One entry of the audit log as a value, and what may be said in it.

Secrets are named and never quoted: whatever a command says about a field that sounds like one, only "changed" is kept.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from app.domain.audit.action import Action
from app.domain.ids import TeamId, UserId, uuid7
from app.telemetry.request_origin import Cause, Origin

Changes = Mapping[str, tuple[object, object]]
"""What was changed: field -> (before, after). None where there was nothing, or is nothing any more."""

NAMED_ONLY: Final = "changed"
"""Stands for values that are nobody's business, such as what people write, and for secrets."""

VALUE_MAXIMUM_CHARACTERS = 300

_SECRET = re.compile("passw|passphrase|secret|hash|token|code|otp|credential|cookie|salt|private", re.IGNORECASE)


class ActorKind(StrEnum):
    """As whom somebody acted."""

    USER = "user"  # with a session
    TOKEN = "token"  # noqa: S105 - with a personal access token of theirs
    ANONYMOUS = "anonymous"  # a request of nobody known
    SYSTEM = "system"  # the service by itself: its jobs
    OPERATOR = "operator"  # a command on the machine


class Outcome(StrEnum):
    """Whether it happened."""

    DONE = "done"
    REFUSED = "refused"


class Subject(Struct, frozen=True):
    """What something was done to: `kind` as in a path of the interface, without the plural, and its id."""

    kind: str
    id: UUID | str


class Entry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a command says of itself, and where it came from. Time and place in the chain are added by the database."""

    id: UUID
    actor_kind: ActorKind
    action: Action
    outcome: Outcome
    actor_id: UserId | None = None
    token_id: UUID | None = None
    subject_kind: str | None = None
    subject_id: str | None = None
    team_id: TeamId | None = None
    request_id: str | None = None
    address: str | None = None
    changed: str | None = None  # JSON, as text: what is hashed is exactly what is stored


def entry_of(
    action: Action,
    *,
    outcome: Outcome,
    actor: UserId | None,
    subject: Subject | None,
    team_id: TeamId | None,
    changed: Changes,
    origin: Origin,
) -> Entry:
    """The entry of an event, with a new id. `actor` None: nobody known, the service itself, or its operator."""
    return Entry(
        id=uuid7(),
        actor_kind=_kind_of(actor, origin),
        action=action,
        outcome=outcome,
        actor_id=actor,
        token_id=origin.token_id,
        subject_kind=None if subject is None else subject.kind,
        subject_id=None if subject is None else str(subject.id),
        team_id=team_id,
        request_id=origin.request_id,
        address=origin.address,
        changed=_told(changed) if changed else None,
    )


def differences(before: object, after: object, *fields: str, named: tuple[str, ...] = ()) -> Changes:
    """What is different between two values: of `fields` what they were and are, of `named` only that they changed."""
    told = {field: (getattr(before, field), getattr(after, field)) for field in fields}
    hidden = {field: (NAMED_ONLY, NAMED_ONLY) for field in named if getattr(before, field) != getattr(after, field)}
    return {field: values for field, values in told.items() if values[0] != values[1]} | hidden


def _kind_of(actor: UserId | None, origin: Origin) -> ActorKind:
    if actor is not None:
        return ActorKind.USER if origin.token_id is None else ActorKind.TOKEN
    return {
        Cause.REQUEST: ActorKind.ANONYMOUS,
        Cause.SYSTEM: ActorKind.SYSTEM,
        Cause.OPERATOR: ActorKind.OPERATOR,
    }[origin.cause]


def _told(changed: Changes) -> str:
    return msgspec.json.encode({field: _values(field, *values) for field, values in changed.items()}).decode()


def _values(field: str, before: object, after: object) -> tuple[object, object]:
    # The id of a token is no secret, and the only way to say which one it was.
    if _SECRET.search(field) and not field.endswith("_id"):
        return NAMED_ONLY, NAMED_ONLY
    return _short(before), _short(after)


def _short(value: object) -> object:
    if isinstance(value, str) and len(value) > VALUE_MAXIMUM_CHARACTERS:
        return f"{value[:VALUE_MAXIMUM_CHARACTERS]}…"
    return value
