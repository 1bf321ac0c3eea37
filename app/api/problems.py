"""Errors as HTTP: the one place where a refusal gets a status and a shape (RFC 9457, or version 1's envelope).

Knows every status that the service answers with an error; refuses to show stack traces, SQL or the input itself.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import ceil
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from app.api.problem_types import TYPES, code_of
from app.database.errors import DatabaseUnavailable
from app.domain.errors import (
    Conflict,
    DomainError,
    FieldError,
    Gone,
    Invalid,
    Malformed,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    ScopeMissing,
    Stale,
    TooManyAttempts,
)
from app.field_encryption import Unreadable
from app.lifespan import services_of

_STATUS: tuple[tuple[type[DomainError], int], ...] = (
    (Malformed, 400),
    (NotAuthenticated, 401),
    (NotAllowed, 403),
    (NotFound, 404),
    (Conflict, 409),
    (Gone, 410),
    (Stale, 412),
    (Invalid, 422),
    (TooManyAttempts, 429),
)
_REFUSED_TOKENS = {"INVALID_TOKEN", "TOKEN_EXPIRED", "SESSION_ENDED", "API_KEY_ENDED"}
_DATABASE_DETAILS = {
    "DATABASE_POOL_EXHAUSTED": "Every database connection is busy.",
    "DATABASE_TIMEOUT": "The database did not answer in time.",
    "DATABASE_SCHEMA_CHANGED": "The database has just been migrated; nothing was written.",
    "DATABASE_CONTENTION": "Another change got in the way; nothing was written.",
    "COMMIT_OUTCOME_UNKNOWN": "The connection was lost during the commit: the change may or may not have happened.",
}


class HttpProblem(Exception):
    """A refusal that only HTTP knows: a media type, a precondition, a method."""

    def __init__(self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        super().__init__(detail)


def problem(
    scope: Scope,
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    fields: tuple[FieldError, ...] = (),
) -> Response:
    """The error response for one request, in the shape of the version that the path belongs to."""
    request_id = scope.get("state", {}).get("request_id", "")
    scope["error_code"] = code
    is_v1 = f"{scope.get('path', '')}/".startswith("/api/v1/")
    body = (
        _v1_envelope(code, detail, request_id, fields) if is_v1 else _rfc9457(status, code, detail, request_id, fields)
    )
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        media_type="application/json" if is_v1 else "application/problem+json",
    )


def address_blocked(seconds: float) -> HttpProblem:
    """The refusal of a client that is blocked for so many seconds yet, the same whoever notices it."""
    detail = "This address is blocked for a while, because of what came from it."
    return HttpProblem(429, "ADDRESS_BLOCKED", detail, headers={"Retry-After": str(max(ceil(seconds), 1))})


def problem_response(scope: Scope, error: Exception) -> Response:
    """The response for any error that a handler may raise; what is not known here is a 500."""
    if isinstance(error, DomainError):
        status = _status_of(error)
        return problem(scope, status, error.code, error.detail, fields=error.fields, headers=_headers(scope, error))
    if isinstance(error, DatabaseUnavailable):
        retry_after = {"Retry-After": str(error.retry_after_seconds)}
        return problem(scope, 503, error.code, _database_detail(error), headers=retry_after)
    if isinstance(error, HttpProblem):
        return problem(scope, error.status, error.code, error.detail, headers=error.headers)
    if isinstance(error, HTTPException):
        kind = TYPES.get(error.status_code, TYPES[500])
        return problem(scope, error.status_code, code_of(kind), kind.title + ".", headers=error.headers)
    if isinstance(error, Unreadable):  # Which key is missing is for the log, not for the caller.
        return problem(scope, 500, "STORED_VALUE_UNREADABLE", "What is stored cannot be decrypted; tell the operator.")
    return problem(scope, 500, "INTERNAL_ERROR", "The service failed. The request id finds the reason in its log.")


def problem_document(scope: Scope, error: DomainError | DatabaseUnavailable) -> tuple[int, dict[str, Any]]:
    """Status and RFC 9457 body of a refusal that is only one part of a response."""
    request_id = scope.get("state", {}).get("request_id", "")
    if isinstance(error, DatabaseUnavailable):
        return 503, _rfc9457(503, error.code, _database_detail(error), request_id, ())
    status = _status_of(error)
    return status, _rfc9457(status, error.code, error.detail, request_id, error.fields)


def older_error(error: DomainError | DatabaseUnavailable) -> dict[str, Any]:
    """Version 1's form of a refusal that is only one part of a response: code, message, and fields if there are any."""
    if isinstance(error, DatabaseUnavailable):
        return {"code": error.code, "message": _database_detail(error)}
    return {"code": error.code, "message": error.detail, **_v1_fields(error.fields)}


def _status_of(error: DomainError) -> int:
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def _database_detail(error: DatabaseUnavailable) -> str:
    return _DATABASE_DETAILS.get(error.code, "The database cannot be reached.")


def _headers(scope: Scope, error: DomainError) -> dict[str, str]:
    """What a client has to know besides the body: how to authenticate, or when to come back."""
    if isinstance(error, TooManyAttempts):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, ScopeMissing):
        return {"WWW-Authenticate": f'Bearer realm="todo", error="insufficient_scope", scope="{error.scope}"'}
    if not isinstance(error, NotAuthenticated):
        return {}
    return {"WWW-Authenticate": f'Bearer realm="todo"{_challenge(scope, error.code)}'}


def _challenge(scope: Scope, code: str) -> str:
    """RFC 6750 §3: `invalid_token` tells a client to refresh, so only a refused token says it. RFC 9470 §3: step up."""
    if code in _REFUSED_TOKENS:
        return ', error="invalid_token"'
    if code == "STEP_UP_REQUIRED":
        seconds = services_of(scope).settings.security.step_up_minutes * 60
        return f', error="insufficient_user_authentication", max_age="{seconds}"'
    return ""


def _rfc9457(status: int, code: str, detail: str, request_id: str, fields: tuple[FieldError, ...]) -> dict[str, Any]:
    kind = TYPES.get(status, TYPES[500])
    body: dict[str, Any] = {
        "type": f"/problems/{kind.slug}",
        "title": kind.title,
        "status": status,
        "detail": detail,
        "instance": f"/requests/{request_id}",
        "code": code,
        "request_id": request_id,
    }
    if fields:
        body["errors"] = [_field(field) for field in fields]
    return body


def _field(field: FieldError) -> dict[str, Any]:
    place = {"pointer": field.pointer} if field.pointer is not None else {"parameter": field.parameter or ""}
    shown: dict[str, Any] = {**place, "code": field.code, "detail": field.detail}
    if field.index is not None:
        shown["index"] = field.index
    return shown


def _v1_envelope(code: str, detail: str, request_id: str, fields: tuple[FieldError, ...]) -> dict[str, Any]:
    moment = datetime.now(UTC)
    error = {"code": code, "message": detail, "timestamp": moment, "request_id": request_id, **_v1_fields(fields)}
    return {"error": error}


def _v1_fields(fields: tuple[FieldError, ...]) -> dict[str, dict[str, str]]:
    return {"fields": {_v1_name(field): field.detail for field in fields}} if fields else {}


def _v1_name(field: FieldError) -> str:
    if field.pointer is not None:
        return field.pointer.removeprefix("#/").replace("/", ".") or "body"
    return field.parameter or "request"
