"""Access tokens: short-lived JWTs (RFC 9068) that name a user and a session, and nothing that may change meanwhile.

Knows how they are signed, verified and remembered. Refuses to know whether the session still lives: `sessions` asks.
"""

import hashlib
import re
import time
from collections import OrderedDict
from typing import Annotated
from uuid import UUID

import jwt
import msgspec
from jwt.types import Options
from msgspec import Struct

from app.cache.entries import Tags
from app.cache.layer import Place
from app.domain.errors import NotAuthenticated
from app.domain.identity.known import Known, place_of, tags_of
from app.domain.ids import SessionId, UserId, uuid7
from app.keys import keys_for
from app.rate_limits.budgets import Payer
from app.setting_groups import SecuritySettings

ALGORITHM = "HS256"
TYPE = "at+jwt"
ISSUER = "todo-service"
AUDIENCE = "todo-api"
LENGTH_MAXIMUM = 2048
LIFETIME_MAXIMUM_SECONDS = 3600  # As many as ACCESS_TOKEN_MINUTES allows.
CLOCK_SKEW_SECONDS = 60
REMEMBERED_MAXIMUM = 10_000

# One spelling for each token: base64 is also read with padding, and with whatever is not of its alphabet left out.
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# `iat` is compared below: the worker that issued the token may be a second ahead of this one.
_OPTIONS: Options = {"require": ["iss", "aud", "sub", "sid", "iat", "exp", "jti"], "verify_iat": False}


class Claims(Struct, frozen=True):
    """What a verified token says; `expires_at` in Unix seconds."""

    user_id: UserId
    session_id: SessionId
    expires_at: int
    # Made once for each token, since every request asks for them.
    place: Place[Known]
    tags: Tags
    payer: Payer


class _Payload(Struct, frozen=True):
    """The types of what is read here; PyJWT has compared issuer, audience and the clock by then."""

    sub: UUID
    sid: UUID
    iat: int
    exp: int
    jti: Annotated[str, msgspec.Meta(min_length=1)]


class AccessTokens:
    """Issues tokens under the current key; verifies those of the current and the previous keys, found by `kid`."""

    def __init__(self, security: SecuritySettings) -> None:
        keys = keys_for(security, "access-tokens")
        self._keys = {_key_id(key): key for key in keys.accepted}
        self._signing_key = keys.current
        self._header = {"typ": TYPE, "kid": _key_id(keys.current)}
        self.lifetime_seconds = security.access_token_minutes * 60
        self._remembered: OrderedDict[bytes, Claims] = OrderedDict()

    def issue(self, user_id: UserId, session_id: SessionId) -> str:
        """A new token for a session of a user, valid for `lifetime_seconds` from now."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "sid": str(session_id),
            "iat": now,
            "exp": now + self.lifetime_seconds,
            "jti": uuid7().hex,
        }
        return jwt.encode(claims, self._signing_key, algorithm=ALGORITHM, headers=self._header)

    def verify(self, token: str) -> Claims:
        """What `token` says. Raises NotAuthenticated (TOKEN_EXPIRED, INVALID_TOKEN).

        A token that was verified before is recognised by its digest until it expires, without any cryptography.
        """
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        claims = self._remembered.get(digest)
        if claims is None:
            claims = self._verify(token)
            self._remember(digest, claims)
        elif claims.expires_at <= time.time():
            del self._remembered[digest]
            raise _expired()
        else:
            self._remembered.move_to_end(digest)
        return claims

    def _remember(self, digest: bytes, claims: Claims) -> None:
        self._remembered[digest] = claims
        if len(self._remembered) > REMEMBERED_MAXIMUM:
            self._remembered.popitem(last=False)

    def _verify(self, token: str) -> Claims:
        if len(token) > LENGTH_MAXIMUM or _COMPACT.fullmatch(token) is None:
            raise _invalid()
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys.get(header.get("kid", ""))
            if key is None or header.get("typ") != TYPE:
                raise _invalid()
            claims = jwt.decode(token, key, algorithms=[ALGORITHM], issuer=ISSUER, audience=AUDIENCE, options=_OPTIONS)
            payload = msgspec.convert(claims, _Payload)
        except jwt.ExpiredSignatureError:
            raise _expired() from None
        except (jwt.PyJWTError, msgspec.ValidationError, OverflowError):  # The last one for times that are infinite.
            raise _invalid() from None
        # Signed with the key and yet not by this service as it is: then nobody knows what else is wrong.
        lifetime_seconds = payload.exp - payload.iat
        if lifetime_seconds > LIFETIME_MAXIMUM_SECONDS or payload.iat > time.time() + CLOCK_SKEW_SECONDS:
            raise _invalid()
        user_id, session_id = UserId(payload.sub), SessionId(payload.sid)
        place, tags = place_of(session_id, user_id), tags_of(session_id, user_id)
        return Claims(user_id, session_id, payload.exp, place, tags, Payer(str(user_id)))


def _key_id(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:16]


def _expired() -> NotAuthenticated:
    return NotAuthenticated("The access token has expired; refresh it.", code="TOKEN_EXPIRED")


def _invalid() -> NotAuthenticated:
    return NotAuthenticated("The access token is not valid here; log in, or refresh it.", code="INVALID_TOKEN")
