"""What a verified token depends on besides its user."""

from app.domain.ids import ApiKeyId, SessionId


def of_session(session_id: SessionId) -> str:
    """Whether the session still lives."""
    return f"session:{session_id}"


def of_api_key(api_key_id: ApiKeyId) -> str:
    """Whether the API key still lives."""
    return f"api_key:{api_key_id}"
