"""Entity tags and preconditions (RFC 9110 §8.8, §13).

A resource's tag is its version and the caller's role: the role decides which actions its links offer.
"""

import re

from starlette.requests import Request

from app.api.problems import HttpProblem

# What `_tags` reads and `*`, for the documents and for bodies.
ENTITY_TAGS = r'^( *\* *|[ ,]*(W/)?"[!#-~\u0080-\u00ff]*"( *,[ ,]*(W/)?"[!#-~\u0080-\u00ff]*")*[ ,]*)$'

# A list element and its comma; empty elements are ignored (RFC 9110 §5.6.1).
_TAG = re.compile(r'[\s,]*((?:W/)?"[^"\x00-\x20\x7f]*")\s*(?:,[\s,]*|$)')
_OURS = re.compile(r'"([1-9][0-9]{0,17})-[a-z]+"')


def entity_tag(version: int, role: str) -> str:
    """The strong tag of a resource at `version`, as a caller with `role` sees it."""
    return f'"{version}-{role}"'


def is_unchanged(request: Request, etag: str) -> bool:
    """True if `If-None-Match` names this tag; weak comparison, as for GET."""
    lines = request.headers.getlist("if-none-match")
    if not lines:
        return False
    given = ", ".join(lines)
    return given.strip() == "*" or etag.removeprefix("W/") in {
        tag.removeprefix("W/") for tag in _tags(given, "If-None-Match")
    }


def expected_versions(if_match: str | None) -> frozenset[int] | None:
    """The versions that `If-Match` allows; None allows any. Raises a 400 problem.

    Weak tags and tags of another form match no version. The role in a tag is not compared: it decides what links are
    shown, and whether the caller may write is asked anew.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    ours = (_OURS.fullmatch(tag) for tag in _tags(if_match, "If-Match"))
    return frozenset(int(tag.group(1)) for tag in ours if tag)


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
