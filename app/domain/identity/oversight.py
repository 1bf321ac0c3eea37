"""What administrators see, and end, of the sessions and API keys of others.

For everybody else other people do not exist here, and of themselves they are told that this is for administrators.
Ending anything takes a fresh session, and is in the audit log.
"""

from msgspec import Struct

from app.database.executor import Database, Reader, Transaction
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Changes, Subject
from app.domain.errors import NotAllowed, NotFound
from app.domain.identity import api_key_repository, queries, repository
from app.domain.identity.administration import require_still_administrator
from app.domain.identity.api_key import ApiKey, KeyEnding
from app.domain.identity.session import Ending, Session
from app.domain.identity.step_up import require_fresh
from app.domain.ids import ApiKeyId, SessionId, UserId
from app.domain.pages import Page, PageRequest
from app.domain.unit_of_work import unit_of_work
from app.domain.users import repository as users_repository
from app.domain.users.caller import Caller


class Credentials(Struct, frozen=True):
    """How many live sessions and API keys somebody has."""

    session_count: int
    api_key_count: int


async def credentials(reader: Reader, user_id: UserId) -> Credentials:
    """What this user has; whether the caller may know has been decided. Two statements."""
    return Credentials(await repository.count(reader, user_id), await api_key_repository.count(reader, user_id))


async def sessions(
    reader: Reader, caller: Caller, user_id: UserId, request: PageRequest, *, with_total: bool = False
) -> Page[Session]:
    """A user's live sessions, newest first. Two statements, a third for the total. Raises NotFound, NotAllowed."""
    await _require_seen(reader, caller, user_id)
    return await queries.sessions_of(reader, user_id, request, with_total=with_total)


async def api_keys(
    reader: Reader, caller: Caller, user_id: UserId, request: PageRequest, *, with_total: bool = False
) -> Page[ApiKey]:
    """A user's live API keys, newest first. Two statements, a third for the total. Raises NotFound, NotAllowed."""
    await _require_seen(reader, caller, user_id)
    return await queries.api_keys_of(reader, user_id, request, with_total=with_total)


async def end_session(database: Database, caller: Caller, user_id: UserId, session_id: SessionId) -> None:
    """Ends a user's live session; its tokens are refused from the next request on. Raises NotFound, NotAllowed."""
    _require_visible(caller, user_id)
    async with unit_of_work(database) as work:
        await _lock(work, caller, user_id)
        ending = Ending.REVOKED_BY_ADMINISTRATOR
        if not await repository.revoke_own(work, session_id, user_id=user_id, ending=ending):
            raise NotFound("session", session_id)
        _record(work, Action.SESSION_REVOKED, caller, user_id, {"session_ids": ([session_id], [])})


async def end_sessions(database: Database, caller: Caller, user_id: UserId) -> None:
    """Ends all live sessions of a user, perhaps none. Raises NotFound, NotAllowed."""
    _require_visible(caller, user_id)
    async with unit_of_work(database) as work:
        await _lock(work, caller, user_id)
        ended = await repository.revoke_all(work, user_id, Ending.REVOKED_BY_ADMINISTRATOR)
        if ended:
            _record(work, Action.SESSION_REVOKED, caller, user_id, {"session_ids": (ended, [])})


async def revoke_api_key(database: Database, caller: Caller, user_id: UserId, api_key_id: ApiKeyId) -> None:
    """Ends a user's live API key; it is refused from the next request on. Raises NotFound, NotAllowed."""
    _require_visible(caller, user_id)
    async with unit_of_work(database) as work:
        await _lock(work, caller, user_id)
        ending = KeyEnding.REVOKED_BY_ADMINISTRATOR
        if await api_key_repository.revoke(work, api_key_id, user_id=user_id, ending=ending) is None:
            raise NotFound("API key", api_key_id)
        _record(work, Action.API_KEY_REVOKED, caller, user_id, {"api_key_ids": ([api_key_id], [])})


async def revoke_api_keys(database: Database, caller: Caller, user_id: UserId) -> None:
    """Ends all live API keys of a user, perhaps none. Raises NotFound, NotAllowed."""
    _require_visible(caller, user_id)
    async with unit_of_work(database) as work:
        await _lock(work, caller, user_id)
        ended = await api_key_repository.revoke_all(work, user_id, KeyEnding.REVOKED_BY_ADMINISTRATOR)
        if ended:
            _record(work, Action.API_KEY_REVOKED, caller, user_id, {"api_key_ids": (ended, [])})


def _require_visible(caller: Caller, user_id: UserId) -> None:
    if caller.is_administrator:
        return
    if caller.user_id != user_id:
        raise NotFound("user", user_id)
    raise NotAllowed("This is for administrators; your own are at /me.", code="ADMINISTRATORS_ONLY")


async def _require_seen(reader: Reader, caller: Caller, user_id: UserId) -> None:
    _require_visible(caller, user_id)
    if await users_repository.by_id(reader, user_id) is None:
        raise NotFound("user", user_id)


async def _lock(work: Transaction, caller: Caller, user_id: UserId) -> None:
    """Locks both, so that nobody acts as an administrator who is none any more, and no key is made meanwhile.

    Raises NotFound, NotAllowed, and NotAuthenticated (STEP_UP_REQUIRED).
    """
    locked = await users_repository.lock(work, caller.user_id, user_id)
    require_still_administrator(locked.get(caller.user_id))
    await require_fresh(work, caller)
    if user_id not in locked:
        raise NotFound("user", user_id)


def _record(work: Transaction, action: Action, caller: Caller, user_id: UserId, changed: Changes) -> None:
    audit.record(work, action, actor=caller.user_id, subject=Subject("user", user_id), changed=changed)
