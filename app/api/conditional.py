"""Entity tags and preconditions (RFC 9110 §8.8, §13).

A resource's tag is its version and the caller's role: the role decides which actions its links offer. Routes know only
this tag. Where a body is sent in a content coding, its strong tag ends in the coding, and clients send it back so.
"""

import re

from starlette.requests import Request
from starlette.types import Scope

from app.api.content_codings import CODINGS, accepts, coded_tag
from app.api.problems import HttpProblem

# What `_tags` reads and `*`, for the documents and for bodies.
ENTITY_TAGS = r'^( *\* *|[ ,]*(W/)?"[!#-~\u0080-\u00ff]*"( *,[ ,]*(W/)?"[!#-~\u0080-\u00ff]*")*[ ,]*)$'

# A list element and its comma; empty elements are ignored (RFC 9110 §5.6.1).
_TAG = re.compile(r'[\s,]*((?:W/)?"[^"\x00-\x20\x7f]*")\s*(?:,[\s,]*|$)')
_OURS = re.compile(rf'"([1-9][0-9]{{0,17}})-[a-z0-9]+(?:-(?:{"|".join(coding.decode() for coding in CODINGS)}))?"')


def entity_tag(version: int, role: str) -> str:
    """The strong tag of a resource at `version`, as a caller with `role` sees it."""
    return f'"{version}-{role}"'


def is_unchanged(request: Request, etag: str) -> bool:
    """True if `If-None-Match` names this tag; weak comparison, as for GET.

    A strong tag is also named by that of the same content in a coding that the client still accepts: one that it cannot
    read would be of no use, and a cache may ask for clients of several kinds.
    """
    lines = request.headers.getlist("if-none-match")
    if not lines:
        return False
    given = ", ".join(lines)
    if given.strip() == "*":
        return True
    tags = {tag.removeprefix("W/") for tag in _tags(given, "If-None-Match")}
    if etag.startswith("W/"):
        return etag[2:] in tags
    return etag in tags or any(_is_held(request, etag, coding, tags) for coding in CODINGS)


def expected_versions(if_match: str | None) -> frozenset[int] | None:
    """The versions that `If-Match` allows; None allows any. Raises a 400 problem.

    Weak tags and tags of another form match no version. The role and the coding in a tag are not compared: one decides
    what links are shown, and whether the caller may write is asked anew; the other says how the version was sent.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    ours = (_OURS.fullmatch(tag) for tag in _tags(if_match, "If-Match"))
    return frozenset(int(tag.group(1)) for tag in ours if tag)


def refuse_other_conditions(scope: Scope, *, takes_if_match: bool) -> None:
    """Raises a 400 problem for a condition that a write does not look at: else it would do what its client excludes."""
    headers: dict[bytes, bytes] = scope["headers_by_name"]
    if b"if-none-match" in headers:
        raise HttpProblem(400, "UNSUPPORTED_CONDITION", "If-None-Match is for reading; when writing, send If-Match.")
    if not takes_if_match and headers.get(b"if-match", b"*").strip() != b"*":
        raise HttpProblem(400, "UNSUPPORTED_CONDITION", "If-Match names no version of what this operation changes.")


def _is_held(request: Request, etag: str, coding: bytes, tags: set[str]) -> bool:
    if coded_tag(etag.encode(), coding).decode() not in tags:
        return False
    lines = request.headers.getlist("accept-encoding")
    return accepts(", ".join(lines).encode("latin-1") if lines else None, coding)


def _tags(header: str, name: str) -> list[str]:
    tags, end = [], 0
    while end < len(header):
        found = _TAG.match(header, end)
        if found is None:
            raise HttpProblem(
                400, "MALFORMED_HEADER", f'{name} must be * or entity tags in quotes, such as "3-member".'
            )
        tags.append(found.group(1))
        end = found.end()
    if not tags:
        raise HttpProblem(400, "MALFORMED_HEADER", f'{name} must be * or entity tags in quotes, such as "3-member".')
    return tags
