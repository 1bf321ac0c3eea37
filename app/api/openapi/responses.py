"""The responses that operations share: every error, and 304; and headers. Which has which is in `operations`."""

from typing import Any, Literal

from app.api import problem_schemas as wire
from app.api.fields import EXAMPLE_ID, EXAMPLE_MOMENT
from app.api.openapi.examples import example_of
from app.api.openapi.schemas import Schemas, reference, schemas_of
from app.api.problem_types import TYPES, ProblemType, code_of

Version = Literal["v1", "v2"]

_TEXT = {"type": "string"}
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "The number of this request: the client's own if it sent one that is well-formed.",
        "schema": {**_TEXT, "pattern": "^[A-Za-z0-9_-]{8,64}$", "examples": ["c0a8012e7f3b4d5e9a1b2c3d4e5f6a7b"]},
    },
    "ETag": {
        "description": "Names this state of the resource, for `If-None-Match` and, if it is not weak, `If-Match`.",
        "schema": {**_TEXT, "pattern": '^(W/)?"[!#-~]+"$', "examples": ['"3-member"']},
    },
    "Location": {
        "description": "Where the new resource is.",
        "schema": {**_TEXT, "format": "uri-reference", "examples": [f"/api/v2/todos/{EXAMPLE_ID}"]},
    },
    "Content-Disposition": {
        "description": "The name of the file (RFC 6266).",
        "schema": {**_TEXT, "examples": ['attachment; filename="todo-export-2026-11-21.zip"']},
    },
    "Link": {
        "description": "Related pages (RFC 8288): `first`, `next` and `prev` of a list; what succeeds version 1.",
        "schema": {**_TEXT, "examples": ['<https://todo.example.org/api/v2/todos?limit=20>; rel="first"']},
    },
    "Preference-Applied": {
        "description": "Present if `Prefer` was followed (RFC 7240).",
        "schema": {**_TEXT, "examples": ["return=total-count"]},
    },
    "Retry-After": {
        "description": "After how many seconds to try again.",
        "schema": {"type": "integer", "minimum": 0, "examples": [1]},
    },
    "RateLimit-Policy": {
        "description": "Of the limits that the request counts for, the one with the least left: `q` requests in `w` s.",
        "schema": {**_TEXT, "examples": ['"default";q=1200;w=60']},
    },
    "RateLimit": {
        "description": "What remains of it, `r`; and the seconds until it is whole, or until a refused request may be "
        "repeated, `t`.",
        "schema": {**_TEXT, "examples": ['"default";r=1190;t=1']},
    },
    "X-RateLimit-Limit": {
        "description": "As `q` in `RateLimit-Policy`.",
        "schema": {"type": "integer", "minimum": 1, "examples": [1200]},
    },
    "X-RateLimit-Remaining": {
        "description": "As `r` in `RateLimit`.",
        "schema": {"type": "integer", "minimum": 0, "examples": [1190]},
    },
    "X-RateLimit-Reset": {
        "description": "As `t` in `RateLimit`.",
        "schema": {"type": "integer", "minimum": 0, "examples": [1]},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate (RFC 6750).",
        "schema": {**_TEXT, "examples": ['Bearer realm="todo", error="invalid_token"']},
    },
    "Scope": {
        "description": "Which scope the API key lacks, if that is the reason (RFC 6750).",
        "schema": {**_TEXT, "examples": ['Bearer realm="todo", error="insufficient_scope", scope="todos:write"']},
    },
    "Accept-Patch": {
        "description": "On PATCH: the media types that it takes.",
        "schema": {**_TEXT, "examples": ["application/merge-patch+json, application/json"]},
    },
    "Accept-Post": {
        "description": "On other methods: the media types that they take.",
        "schema": {**_TEXT, "examples": ["application/json"]},
    },
    "Deprecation": {
        "description": "Since when this version is deprecated (RFC 9745): @ and Unix seconds.",
        "schema": {**_TEXT, "pattern": "^@[0-9]+$", "examples": ["@1793491200"]},
    },
    "Sunset": {
        "description": "When this version will be switched off (RFC 8594).",
        "schema": {**_TEXT, "examples": ["Mon, 01 Nov 2027 00:00:00 GMT"]},
    },
}  # fmt: skip

_ALWAYS: dict[Version, tuple[str, ...]] = {
    "v1": ("X-Request-Id", "Deprecation", "Sunset", "Link"),
    "v2": ("X-Request-Id",),
}
RATE_LIMIT = ("RateLimit-Policy", "RateLimit", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
# Refused before it is counted, or not counted at all: too large by its head, too much at once.
_UNCOUNTED = {413, 503}
_WITH: dict[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    403: ("Scope",),
    415: ("Accept-Patch", "Accept-Post"),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
# The others are there wherever they are documented.
_NOT_ALWAYS = {"Accept-Patch", "Accept-Post", "Preference-Applied", "Scope", *RATE_LIMIT}
# What is sent under the name of another header, which has to be there elsewhere.
_SENT_AS = {"Scope": "WWW-Authenticate"}


def shared_headers(names: set[str]) -> dict[str, Any]:
    """The shared headers of these names."""
    return {name: {**HEADERS[name], "required": name not in _NOT_ALWAYS} for name in sorted(names)}


def headers(version: Version, *names: str) -> dict[str, Any]:
    """The headers of a response: those of every response of `version`, and `names`."""
    return {_SENT_AS.get(name, name): {"$ref": f"#/components/headers/{name}"} for name in (*_ALWAYS[version], *names)}


def error_reference(status: int) -> dict[str, str]:
    """A reference to the shared response for an error, or for 304."""
    return {"$ref": f"#/components/responses/{_name(status)}"}


def shared_responses(version: Version, statuses: set[int], schemas: Schemas) -> dict[str, Any]:
    """The shared responses for these statuses, by name. Their schemas are added to `schemas`."""
    schemas.update(schemas_of({"Problem": wire.Problem} if version == "v2" else {"ErrorEnvelope": wire.ErrorEnvelope}))
    return {
        _name(status): _not_modified(version) if status == 304 else _error(version, status, schemas)
        for status in sorted(statuses)
    }


def _error(version: Version, status: int, schemas: Schemas) -> dict[str, Any]:
    kind = TYPES[status]
    shape = reference("Problem" if version == "v2" else "ErrorEnvelope")
    example = example_of(shape, schemas)
    fill = _fill_problem if version == "v2" else _fill_envelope
    media_type = "application/problem+json" if version == "v2" else "application/json"
    return {
        "description": f"{kind.title}. {kind.explanation}",
        "headers": headers(version, *_WITH.get(status, ()), *(() if status in _UNCOUNTED else RATE_LIMIT)),
        "content": {media_type: {"schema": shape, "example": fill(example, status, kind)}},
    }


def _fill_problem(example: dict[str, Any], status: int, kind: ProblemType) -> dict[str, Any]:
    filled = {
        **example,
        "type": f"/problems/{kind.slug}",
        "title": kind.title,
        "status": status,
        "detail": kind.title + ".",
        "code": code_of(kind),
    }
    if status == 422:
        filled["errors"] = [{"pointer": "#/titel", "code": "UNKNOWN_FIELD", "detail": "titel is not known here."}]
    return filled


def _fill_envelope(example: dict[str, Any], status: int, kind: ProblemType) -> dict[str, Any]:
    error = {**example["error"], "code": code_of(kind), "message": kind.title + ".", "timestamp": EXAMPLE_MOMENT}
    error.pop("fields", None)
    if status == 422:
        error["fields"] = {"titel": "titel is not known here."}
    return {"error": error}


def _not_modified(version: Version) -> dict[str, Any]:
    return {
        "description": "`If-None-Match` names the present state: what the client has is current. There is no body.",
        "headers": headers(version, "ETag", *RATE_LIMIT),
    }


def _name(status: int) -> str:
    return "NotModified" if status == 304 else TYPES[status].slug.title().replace("-", "")
