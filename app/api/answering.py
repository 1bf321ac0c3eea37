"""Answers kept requests: from what is kept if Redis confirms it, else from the handler, whose answer is then kept.

The caller and the answer are confirmed in the same round trip. Both ways of answering, before routing and after it, end
in the same response, so that no client can tell them apart.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from time import time
from typing import Any, cast
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.authentication import admit, authenticate, credential_of, payer_of
from app.api.charging import admitted, begin
from app.api.conditional import is_unchanged
from app.api.kept import Answer, Kept
from app.api.needs import Need
from app.api.problems import HttpProblem
from app.api.responses import not_modified, require_json, takes_json
from app.cache.bodies import Bodies
from app.cache.entries import Entry, is_current
from app.cache.layer import NEGATIVE_SECONDS, Basis, Cache, Place
from app.database.errors import DatabaseUnavailable
from app.domain.errors import NotAllowed, NotAuthenticated, NotFound
from app.domain.identity.known import Known
from app.domain.users.cache_tags import of_user
from app.lifespan import Services, services_of

# No time zone changes its date within a quarter of an hour: all offsets are whole quarters.
_QUARTER_SECONDS = 900
# How long a kept answer is served before somebody tries once more to load it anew, in vain the last time.
_RETRY_SECONDS = 1.0

Handler = Callable[[Request], Awaitable[Response]]


class KeptResponse(Response):
    """A kept answer on its way out. Its compressed forms are kept with it (see `Compression`)."""

    def __init__(self, answer: Answer, variants: "Variants") -> None:
        self.status_code = 200
        self.raw_headers = list(answer.headers)
        self.body = answer.body
        self.background = None
        self._variants = variants

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI calls it
        """As Starlette's, telling the layer that compresses where to keep what it makes."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "variants": self._variants})


@dataclass(frozen=True, slots=True)
class Variants:
    """The content codings of one kept answer, made at most once each."""

    bodies: Bodies
    key: str
    entry: Entry[Any]

    def get(self, coding: bytes) -> bytes | None:
        """The body in this coding, if it was made before."""
        return self.entry.variants.get(coding)

    def put(self, coding: bytes, body: bytes) -> None:
        """Keeps the body in this coding, for as long as the answer itself."""
        self.entry.variants[coding] = body
        self.bodies.grow(self.key, self.entry, len(body))


async def early_answer(scope: Scope) -> Response | None:
    """The answer, if this process holds it and Redis confirms it and its caller; None: routing has to find one.

    One round trip, in which the request is charged as well. Leaves the caller in the scope if it was confirmed, so that
    nobody asks again. Raises NotFound for an answer that says so, and the 429 problem.
    """
    services = services_of(scope)
    cache = services.cache
    if cache is None or not _takes_kept(scope) or (held := _held_caller(scope, services)) is None or held.value is None:
        return None
    key = _key(held.value, scope)
    entry: Entry[Answer | None] | None = cache.bodies.get(key)
    if entry is None or entry.value is None:
        return None
    # Also for the log line of a refusal. Where routing goes on, it says so itself.
    scope["route_template"] = template = entry.value.template
    begin(scope, services.limits.plans["GET", template], payer_of(scope))
    found = await cache.versions(held.tags + entry.tags)
    await admitted(scope)
    skipped = len(held.tags)
    if found is None or not is_current(held, found[:skipped]):
        return None
    try:
        admit(scope, held.value, entry.value.need)
    except NotAllowed:
        return None  # Routing refuses it as it refuses everything, and the audit log learns of it there.
    # Who is to load it anew is chosen after routing.
    if not is_current(entry, found[skipped:]) or (time() >= entry.refresh_at and not entry.is_being_refreshed):
        return None
    cache.counts.of(entry.kind_name).process_hits += 1
    entry.hits += 1
    return _response(Request(scope), entry, key, cache)


async def respond(request: Request, kept: Kept, need: Need, handle: Handler) -> Response:
    """The answer of a route whose answers are kept. Raises what `handle` and `authenticate` raise.

    One round trip to Redis if this process knows the caller, whether the answer is found here or there. A client that
    says `no-cache` gets one from the database, under the same entity tag.
    """
    scope = request.scope
    services = services_of(scope)
    cache = services.cache
    takes_kept = _takes_kept(scope)
    if cache is None or not (takes_kept or kept.is_list):  # Only a list is named by what it depends on.
        await authenticate(request, need)
        return await handle(request)
    held = _held_caller(scope, services) if "known" not in scope else None
    known = held.value if held is not None else None
    if known is None:
        held, known = None, await authenticate(request, need)
    tags = kept.tags(known.caller, scope["path_params"], scope["query_string"])
    if tags is None:
        await authenticate(request, need)
        return await handle(request)
    require_json(scope)
    place = Place(kept.kind, _key(known, scope), known.caller_id)
    tags = (of_user(known.caller.user_id), *tags)
    unconfirmed = held.tags if held is not None else ()
    looked = await (cache.look if takes_kept else cache.look_past)(place, tags, also=unconfirmed)
    await admitted(scope)
    if held is not None and (looked.found is None or not is_current(held, looked.found[: len(unconfirmed)])):
        # Who calls has changed, and with it what they see: from the beginning, with the caller as they are now.
        await authenticate(request, need)
        return await respond(request, kept, need, handle)
    admit(scope, known, need)
    if looked.entry is not None and not _wants_refresh(looked.entry, cache):
        return _response(request, looked.entry, place.key, cache)

    async def anew() -> Response:
        basis = await cache.basis(tags, looked, skipped=len(unconfirmed))
        return await (handle(request) if basis is None else _answer_on(request, kept, need, handle, place, basis))

    return await (anew() if looked.entry is None else _refreshed(request, looked.entry, place.key, cache, anew))


async def _refreshed(
    request: Request, entry: Entry[Answer | None], key: str, cache: Cache, anew: Callable[[], Awaitable[Response]]
) -> Response:
    """A new answer in the place of one that is still good; that one, if the database cannot be asked.

    However it ends, another request may try again: else nobody would, until the answer expires for all at once.
    """
    try:
        return await anew()
    except DatabaseUnavailable:
        entry.refresh_at = time() + _RETRY_SECONDS
        return _response(request, entry, key, cache)
    finally:
        entry.is_being_refreshed = False


async def _answer_on(
    request: Request, kept: Kept, need: Need, handle: Handler, place: Place[Answer], basis: Basis
) -> Response:
    """The handler's answer on this basis, kept if the client takes what is kept.

    A list that the client has already need not even be loaded.
    """
    scope = request.scope
    etag = _list_tag(place.key, basis.versions) if kept.is_list else ""
    # Only by its name: `*` fits whatever there is, and whether there is anything is not known yet.
    if etag and etag.encode() in scope["headers_by_name"].get(b"if-none-match", b"") and is_unchanged(request, etag):
        return not_modified(etag)
    if not _takes_kept(scope):
        scope["entity_tag"] = etag
        return await handle(request)
    cache = cast("Cache", services_of(scope).cache)
    entry = await _load(request, kept, need, handle, place, basis, etag=etag)
    return _response(request, entry, place.key, cache)


async def _load(
    request: Request, kept: Kept, need: Need, handle: Handler, place: Place[Answer], basis: Basis, *, etag: str
) -> Entry[Answer | None]:
    """The handler's answer, kept on this basis."""
    scope = request.scope

    async def load() -> Answer:
        scope["entity_tag"], scope["is_to_be_kept"] = etag, True
        try:
            return _finished(await handle(request), scope, need)
        except NotFound as missing:
            return Answer(scope["route_template"], need, missing=missing.detail)

    cache = cast("Cache", services_of(scope).cache)
    return await cache.load(place, basis, load, lifetime_seconds=_lifetime_seconds, is_costly=kept.is_costly)


def _held_caller(scope: Scope, services: Services) -> Entry[Known | None] | None:
    """What this process knows of the caller, unconfirmed; None if it knows nothing, or Redis cannot confirm it."""
    cache = services.cache
    if cache is None or cache.link.connected is None:
        return None
    try:
        return credential_of(scope).held
    except NotAuthenticated:
        return None


def _response(request: Request, entry: Entry[Answer | None], key: str, cache: Cache) -> Response:
    answer = entry.value
    if answer is None or answer.missing:
        cache.counts.of(entry.kind_name).negative_hits += 1
        error = NotFound("resource")
        if answer is not None:
            error.detail = answer.missing
        raise error
    if b"if-none-match" in request.scope["headers_by_name"] and is_unchanged(request, answer.etag):
        return not_modified(answer.etag)
    return KeptResponse(answer, Variants(cache.bodies, key, entry))


def _finished(response: Response, scope: Scope, need: Need) -> Answer:
    if response.status_code != 200:
        raise RuntimeError(f"{scope['route_template']}: only 200 can be kept, not {response.status_code}")
    etag, headers = response.headers["etag"], tuple(response.raw_headers)
    return Answer(scope["route_template"], need, etag, headers, bytes(response.body))


def _lifetime_seconds(answer: Answer) -> float:
    return NEGATIVE_SECONDS if answer.missing else float("inf")


def _wants_refresh(entry: Entry[Any], cache: Cache) -> bool:
    """True for one request in the last tenth of an entry's life: it loads anew, while the others are still served."""
    if entry.is_being_refreshed or time() < entry.refresh_at:
        return False
    entry.is_being_refreshed = True
    cache.counts.of(entry.kind_name).early_refreshes += 1
    return True


def _takes_kept(scope: Scope) -> bool:
    """True if the client does not say `no-cache`, and takes JSON: what it gets otherwise is for its route to say."""
    headers: dict[bytes, bytes] = scope["headers_by_name"]
    if b"no-cache" in headers.get(b"cache-control", b""):
        return False
    accept = headers.get(b"accept")
    try:
        return accept is None or takes_json(accept)
    except HttpProblem:
        return False


def _key(known: Known, scope: Scope) -> str:
    """What the answer depends on besides its tags: credential, date of the caller, path, query and preference."""
    day = _day(known.caller.timezone, int(time()) // _QUARTER_SECONDS)
    preference = scope["headers_by_name"].get(b"prefer", b"")
    return f"{known.answers_of} {day} {scope['path']}?{scope['query_string'].decode('latin-1')} {preference!r}"


@lru_cache(maxsize=512)
def _day(timezone: str, quarter: int) -> str:
    return datetime.fromtimestamp(quarter * _QUARTER_SECONDS, UTC).astimezone(ZoneInfo(timezone)).date().isoformat()


def _list_tag(key: str, versions: tuple[bytes, ...]) -> str:
    """A weak entity tag that is known before the list is."""
    digest = hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=12)
    for version in versions:
        digest.update(version)
    return f'W/"{digest.hexdigest()}"'
