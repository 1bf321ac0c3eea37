"""Responses from documents: encoded once, with the right Cache-Control and entity tag."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from app.api.conditional import is_unchanged
from app.api.problems import HttpProblem

_encode = msgspec.json.Encoder().encode

RawHeaders = tuple[tuple[bytes, bytes], ...]
REVALIDATE = "private, no-cache"
_PRIVATE: RawHeaders = (
    (b"cache-control", REVALIDATE.encode()),
    (b"vary", b"Accept, Accept-Encoding, Authorization"),
)
_JSON = (b"content-type", b"application/json")
_ANY_JSON = ("*/*", "application/*", "application/json")


class JsonResponse(Response):
    """Bytes that are JSON already. Starlette's own would look through the headers for those that are known here."""

    def __init__(self, body: bytes, *, status: int, headers: RawHeaders) -> None:
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = [(b"content-length", b"%d" % len(body)), _JSON, *headers]


def document(content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`content` as JSON, not to be stored by caches."""
    return JsonResponse(_encode(content), status=status, headers=_raw(headers) if headers else ())


def created(content: Any, *, location: str, etag: str | None = None) -> Response:
    """201 with the whole new resource and where it lives."""
    headers = {"Location": location}
    if etag is not None:
        headers["ETag"] = etag
    return document(content, status=201, headers=headers)


def no_content() -> Response:
    """204: done, and there is nothing to say."""
    return Response(status_code=204)


def resource(request: Request, content: Any, *, etag: str) -> Response:
    """A resource under a strong entity tag; 304 without a body if the client has it already."""
    if _may_be_unchanged(request) and is_unchanged(request, etag):
        return not_modified(etag)
    return JsonResponse(_encode(content), status=200, headers=_validators(etag))


def listing(request: Request, content: Any, *, headers: Mapping[str, str] | None = None) -> Response:
    """A list (or a partial or expanded resource) under a weak tag: of its cache versions, or else of its bytes."""
    body = _encode(content)
    etag = request.scope.get("entity_tag") or f'W/"{hashlib.sha256(body).hexdigest()[:24]}"'
    if _may_be_unchanged(request) and is_unchanged(request, etag):
        return not_modified(etag)
    return JsonResponse(body, status=200, headers=(*_raw(headers or {}), *_validators(etag)))


def not_modified(etag: str) -> Response:
    """304: the client has it already."""
    response = Response(status_code=304)
    response.raw_headers.extend(_validators(etag))
    return response


def _validators(etag: str) -> RawHeaders:
    return ((b"etag", etag.encode("latin-1")), *_PRIVATE)


def _raw(headers: Mapping[str, str]) -> RawHeaders:
    return tuple([(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()])


def _may_be_unchanged(request: Request) -> bool:
    """False where the answer is about to be kept: then it has to be whole, and others compare its tag."""
    return "is_to_be_kept" not in request.scope and b"if-none-match" in request.scope["headers_by_name"]


def require_json(scope: Scope) -> None:
    """Raises the 406 problem unless the client takes JSON."""
    if b"accept" not in scope["headers_by_name"]:
        return
    lines = [value for name, value in scope["headers"] if name == b"accept"]
    if not takes_json(lines[0] if len(lines) == 1 else b", ".join(lines)):
        raise HttpProblem(406, "NOT_ACCEPTABLE", "There is application/json here, and nothing that Accept allows.")


def require_media_type(scope: Scope, media_type: str) -> None:
    """Raises the 406 problem unless the client takes this one media type."""
    accept = b", ".join(value for name, value in scope["headers"] if name == b"accept").decode("latin-1")
    if accept.strip() and best_quality(accept, ("*/*", f"{media_type.partition('/')[0]}/*", media_type)) <= 0:
        raise HttpProblem(406, "NOT_ACCEPTABLE", f"There is {media_type} here, and nothing that Accept allows.")


@lru_cache(maxsize=256)
def takes_json(accept: bytes) -> bool:
    """True if an Accept header allows JSON. Raises the 400 problem for a quality that is none."""
    text = accept.decode("latin-1")
    return not text.strip() or text in _ANY_JSON or best_quality(text, _ANY_JSON) > 0


def best_quality(accept: str, media_types: tuple[str, ...]) -> float:
    """The quality that `accept` gives the most specific of `media_types` that it names; 0.0 if it names none."""
    found: dict[str, float] = {}
    for part in accept.split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.lower().startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = -1.0
                if not 0.0 <= quality <= 1.0:
                    raise HttpProblem(400, "MALFORMED_ACCEPT", "A quality in Accept is not a number from 0 to 1.")
        found[media_type.lower()] = quality
    return next((found[media_type] for media_type in reversed(media_types) if media_type in found), 0.0)
