"""Entries of the audit log as version 2 shows them."""

from typing import cast

import msgspec

from app.api.v2 import audit_schemas as wire
from app.domain.audit.list_repository import Recorded
from app.domain.ids import UserId


def entry_document(entry: Recorded) -> wire.AuditEntry:
    """An entry for administrators: all that is known."""
    actor: wire.Actor = {
        "kind": cast("wire.ActorKindShown", entry.actor_kind),
        "id": entry.actor_id,
        "api_key_id": entry.token_id,
    }
    return {**_fields(entry), "actor": actor}


def activity_document(entry: Recorded, *, reader_id: UserId) -> wire.ActivityEntry:
    """An entry for whom it is by or about."""
    return {
        **_fields(entry),
        "actor_kind": cast("wire.ActorKindShown", entry.actor_kind),
        "is_yours": entry.actor_id == reader_id,
    }


def _fields(entry: Recorded) -> wire.EntryFields:
    subject: wire.SubjectShown | None = None
    if entry.subject_kind is not None and entry.subject_id is not None:
        subject = {"kind": entry.subject_kind, "id": entry.subject_id}
    return {
        "id": entry.id,
        "at": entry.at,
        "action": entry.action,
        "outcome": cast("wire.OutcomeShown", entry.outcome),
        "subject": subject,
        "team_id": entry.team_id,
        "request_id": entry.request_id,
        "address": entry.address,
        "changed": _changed(entry.changed),
    }


def _changed(stored: str | None) -> wire.Changed:
    if stored is None:
        return {}
    fields = msgspec.json.decode(stored, type=dict[str, tuple[object, object]])
    return {field: {"before": before, "after": after} for field, (before, after) in fields.items()}
