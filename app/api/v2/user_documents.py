"""Sessions as version 2 shows them."""

from app.api.v2 import user_schemas as wire
from app.domain.identity.devices import label_from
from app.domain.identity.session import Session
from app.domain.users.caller import Caller


def session_document(session: Session, caller: Caller) -> wire.Session:
    """The whole session."""
    itself = f"/api/v2/me/sessions/{session.id}"
    return {
        "id": session.id,
        "is_current": session.id == caller.session_id,
        "label": session.label or label_from(session.user_agent),
        "user_agent": session.user_agent,
        "address": session.address,
        "created_at": session.created_at,
        "last_seen_at": session.last_seen_at,
        "idle_expires_at": session.idle_expires_at,
        "expires_at": session.expires_at,
        "links": {"revoke": itself, "rename": itself},
    }
