"""Accounts and tokens as all versions show them."""

from starlette.responses import Response

from app.api.links import VERSION_1, VERSION_2
from app.api.responses import document
from app.api.v1 import auth_schemas as wire
from app.domain.identity.challenges import Challenge
from app.domain.identity.session import Tokens
from app.domain.second_factors import codes, sending
from app.domain.users.user import User

ACCOUNTS = {VERSION_1: "/api/v1/users/me", VERSION_2: "/api/v2/me"}


def _account_links(root: str) -> wire.AccountLinks:
    links: wire.AccountLinks = {
        "self": ACCOUNTS[root],
        # These are not in version 1.
        "sessions": f"{VERSION_2}/me/sessions",
        "teams": f"{VERSION_2}/teams",
        "change_email": f"{VERSION_2}/me/email",
        "todos": f"{root}/todos",
        "log_in": f"{root}/auth/login",
        "log_out": f"{root}/auth/logout",
        "log_out_everywhere": f"{root}/auth/logout-all",
        "change_password": f"{root}/auth/password/change",
    }
    if root == VERSION_2:
        links["api_keys"] = f"{VERSION_2}/me/api-keys"
        links["mfa"] = f"{VERSION_2}/me/mfa"
    return links


_ACCOUNT_LINKS = {root: _account_links(root) for root in ACCOUNTS}


def mail_is_on_its_way() -> Response:
    """The answer to whoever has given an address: 202, the same bytes whoever it belongs to."""
    accepted: wire.MailIsOnItsWay = {"detail": wire.MAIL_IS_ON_ITS_WAY}
    return document(accepted, status=202)


def tokens_document(tokens: Tokens) -> wire.Tokens:
    """The answer to a login and to a refresh."""
    return {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token,
        "refresh_expires_in": tokens.refresh_expires_in,
    }


def cookie_tokens_document(tokens: Tokens, csrf_token: str) -> wire.CookieTokens:
    """The same in cookie mode: the refresh token is not shown to the page."""
    return {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "csrf_token": csrf_token,
        "refresh_expires_in": tokens.refresh_expires_in,
    }


CODE_SENT: wire.CodeSent = {"expires_in": codes.LIFETIME.seconds, "resend_after": sending.PAUSE.seconds}


def challenge_document(challenge: Challenge) -> wire.MfaChallenge:
    """The answer to a login that needs a second factor."""
    return {
        "mfa_required": True,
        "challenge": challenge.token,
        "expires_in": challenge.expires_in,
        "methods": [method.value for method in challenge.methods],
    }


def user_fields(user: User) -> wire.UserFields:
    """What every representation of a user shows."""
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "roles": user.roles,  # type: ignore[typeddict-item]  # nothing but known roles is ever stored
        "is_active": user.is_active,
        "timezone": user.timezone,
        "locale": user.locale,
        "email_verified_at": user.email_verified_at,
        "version": user.version,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }


def account_document(user: User, root: str) -> wire.Account:
    """The caller's own account; its links begin with `root`, the version's."""
    return {**user_fields(user), "links": _ACCOUNT_LINKS[root]}
