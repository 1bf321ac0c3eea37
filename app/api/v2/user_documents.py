"""Sessions as version 2 shows them."""

from app.api.v2 import user_schemas as wire
from app.domain.identity.session import Session
from app.domain.users.caller import Caller


def session_document(session: Session, caller: Caller) -> wire.Session:
    """The whole session."""
    return {
        "id": session.id,
        "is_current": session.id == caller.session_id,
        "user_agent": session.user_agent,
        "address": session.address,
        "created_at": session.created_at,
        "last_seen_at": session.last_seen_at,
        "idle_expires_at": session.idle_expires_at,
        "expires_at": session.expires_at,
        "links": {"revoke": f"/api/v2/me/sessions/{session.id}"},
    }
