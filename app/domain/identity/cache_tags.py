"""What a verified token depends on besides its user."""

from app.domain.ids import SessionId


def of_session(session_id: SessionId) -> str:
    """Whether the session still lives."""
    return f"session:{session_id}"
