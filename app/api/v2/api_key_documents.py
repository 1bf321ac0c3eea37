"""API keys as version 2 shows them."""

from app.api.links import VERSION_2
from app.api.v2 import api_key_schemas as wire
from app.domain.identity.api_key import ApiKey, Issued

API_KEYS = f"{VERSION_2}/me/api-keys"


def api_key_fields(api_key: ApiKey) -> wire.ApiKeyFields:
    """What every representation of a key shows."""
    return {
        "id": api_key.id,
        "name": api_key.name,
        "scopes": api_key.scopes,
        "created_at": api_key.created_at,
        "expires_at": api_key.expires_at,
        "last_used_at": api_key.last_used_at,
        "last_used_address": api_key.last_used_address,
    }


def api_key_document(api_key: ApiKey) -> wire.ApiKey:
    """The caller's own key."""
    itself = f"{API_KEYS}/{api_key.id}"
    return {**api_key_fields(api_key), "links": {"self": itself, "rotate": f"{itself}/rotate"}}


def issued_document(issued: Issued) -> wire.IssuedApiKey:
    """The caller's own new key, with its text."""
    return {**api_key_document(issued.api_key), "token": issued.token}
