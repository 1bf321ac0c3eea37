"""What the documents say before their first operation: texts, tags, security, servers."""

from typing import Any

from app.api.openapi.responses import Version
from app.domain.identity import permissions
from app.domain.identity.permissions import GRANTABLE, Permission

CONTACT = {"name": "Whoever operates this installation"}
LICENSE = {"name": "All rights reserved", "identifier": "LicenseRef-All-Rights-Reserved"}
SERVERS = [{"url": "/", "description": "The server that this document comes from."}]
BEARER: dict[str, Any] = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The `access_token` that login and refresh answer. It is good for some minutes.",
}
API_KEY: dict[str, Any] = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "todo_pat_…",
    "description": "An API key, for programs. It does what its scopes name; each operation says which it needs.\n\n"
    + "\n".join(f"- `{one}`: {permissions.DESCRIPTIONS[one]}" for one in Permission if one in GRANTABLE),
}

TAGS = {
    "entry": "Where a client that knows nothing but the address of the service begins.",
    "operations": "What a running process has done; for administrators.",
    "health": "Whether the process lives and can serve; for operators and load balancers.",
    "auth": "Accounts, passwords and sessions: how to get an access token, and how to end its session.",
    "me": "Your own account and the sessions that are open on it.",
    "keys": "What your programs show instead of you: keys that do as much as you say, for as long as you say.",
    "users": "The accounts of the service, for its administrators.",
    "blocks": "Addresses that are kept out after attacks; for administrators.",
    "audit": "Who did what to whom, when and from where; for administrators.",
    "teams": "Who works together, and who may do what. Everybody has a personal team; others are shared.",
    "projects": "Todos that belong together.",
    "todos": "What there is to do.",
    "tags": "Names that todos of one team can carry, whatever the project.",
}

_V2 = """
A todo service for people and teams.

**Who is calling.** Register, confirm it with what is mailed to you, log in, and send the access token as
`Authorization: Bearer <token>`. It lasts some minutes; `POST /api/v2/auth/refresh` gives the next one. What you may not
see does not exist for you: it is a 404.
Accounts with a second factor (`/api/v2/me/mfa`) log in in two steps: the first answers a challenge, and
`POST /api/v2/auth/mfa/verify` exchanges it and a code for tokens. What is sensitive takes a session that was proved in
the last minutes; else it is a 401 (`STEP_UP_REQUIRED`) until `POST /api/v2/auth/step-up`.

**Programs** send an API key (`todo_pat_…`) in the same header instead; make one at `POST /api/v2/me/api-keys`. It does
what its scopes name, as far as you may do that yourself at that moment. Whatever proves who you are takes a login.

**Errors** are problem details (RFC 9457): `code` is for programs, `detail` for people, and `errors` names each member
or parameter that is wrong. Members and parameters that are not documented are errors, too.

**Lists** come in pages. Follow `page.next_cursor`, or the `Link` header, until it is null; `fields` makes the items
smaller. Parameters that take several values take them separated by commas: `status=open,blocked`.

**Changes.** PATCH is a JSON Merge Patch (RFC 7396). Every resource that can be changed has a `version` and an `ETag`:
send the tag as `If-Match`, and a change that somebody else made meanwhile is not lost but answered with 412. Send it as
`If-None-Match`, and what you have already is not sent again.

**Reading what was written.** Answers may be kept, and none is shown that a finished write has made old. With
`Cache-Control: no-cache` an answer is made anew all the same.

**Text** is stored as it is sent, in Unicode's form NFC, and never cleaned: escape it where you show it. Times are in
UTC, dates have no zone.

HEAD works wherever GET does, and OPTIONS says what a path offers.
"""

_V1 = """
The older interface of the todo service. It is deprecated: every response says so, with the day on which it will be
switched off (`Sunset`) and its successor (`Link`). [What changed, and how to move](/docs/migrate-v1-v2).

Log in, and send the access token as `Authorization: Bearer <token>`. Accounts with a second factor get a challenge
first, which `POST /api/v1/auth/mfa/verify` exchanges for tokens. Errors are `{"error": {"code", "message", …}}`;
lists have page numbers.
"""

DESCRIPTIONS: dict[Version, str] = {"v1": _V1.strip(), "v2": _V2.strip()}
