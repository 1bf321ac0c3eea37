"""Your account and sessions, and other users, as version 2 shows them."""

from typing import cast

from app.api.conditional import entity_tag
from app.api.links import VERSION_2
from app.api.v1.auth import own_tag
from app.api.v1.auth_documents import account_document
from app.api.v1.user_documents import user_document
from app.api.v2 import user_schemas as wire
from app.api.v2.api_key_documents import API_KEYS, api_key_fields
from app.domain.identity.api_key import ApiKey
from app.domain.identity.devices import label_from
from app.domain.identity.oversight import Credentials
from app.domain.identity.session import Session
from app.domain.ids import UserId
from app.domain.users.caller import Caller
from app.domain.users.user import User

USER_MEMBERS = tuple(wire.User.__annotations__)
COUNTS = ("session_count", "api_key_count")


def own_account_document(user: User, caller: Caller) -> wire.OwnAccount:
    """The caller's own account, with the API key that they show."""
    shown = cast("wire.OwnAccount", account_document(user, VERSION_2))
    if caller.token_id is not None:
        itself = f"{API_KEYS}/{caller.token_id}"
        shown["api_key"] = {"id": caller.token_id, "scopes": sorted(caller.scopes or ()), "links": {"self": itself}}
    return shown


def own_account_tag(user: User, caller: Caller) -> str:
    """The entity tag of what `own_account_document` shows."""
    return own_tag(user) if caller.token_id is None else entity_tag(user.version, f"key{caller.token_id.hex}")


def session_document(session: Session, caller: Caller) -> wire.Session:
    """One of the caller's own sessions."""
    itself = f"{VERSION_2}/me/sessions/{session.id}"
    return {**_session_fields(session, caller), "links": {"revoke": itself, "rename": itself}}


def session_of_user_document(session: Session, caller: Caller, user_id: UserId) -> wire.UserSession:
    """A session of anybody, for administrators."""
    itself = f"{VERSION_2}/users/{user_id}/sessions/{session.id}"
    return {**_session_fields(session, caller), "links": {"revoke": itself}}


def api_key_of_user_document(api_key: ApiKey, user_id: UserId) -> wire.UserApiKey:
    """An API key of anybody, for administrators."""
    return {**api_key_fields(api_key), "links": {"revoke": f"{VERSION_2}/users/{user_id}/api-keys/{api_key.id}"}}


def plain_user_document(user: User, caller: Caller) -> wire.User:
    """The whole user as the caller sees them."""
    shown = cast("wire.User", user_document(user, caller, VERSION_2))
    if caller.is_administrator:
        shown["links"]["sessions"] = f"{VERSION_2}/users/{user.id}/sessions"
        shown["links"]["api_keys"] = f"{VERSION_2}/users/{user.id}/api-keys"
    return shown


def user_details_document(user: User, caller: Caller, credentials: Credentials | None) -> wire.UserDetails:
    """The whole user as the caller sees them; with how many sessions and keys they have, if that is given."""
    shown = cast("wire.UserDetails", plain_user_document(user, caller))
    if credentials is not None:
        shown["session_count"] = credentials.session_count
        shown["api_key_count"] = credentials.api_key_count
    return shown


def _session_fields(session: Session, caller: Caller) -> wire.SessionFields:
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
    }
