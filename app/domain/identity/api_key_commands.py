"""Giving out API keys and taking them back: by their user, and with `administration` by administrators.

A new password leaves them alone, as programs go on when a person chooses another one. Deactivation ends them for good.
"""

from datetime import timedelta
from functools import partial

from app.database.executor import Database, Transaction
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.commands import NOTHING
from app.domain.audit.entry import Changes, Subject
from app.domain.errors import Conflict, NotAuthenticated, NotFound
from app.domain.identity import api_key_repository as repository
from app.domain.identity import api_key_text
from app.domain.identity.api_key import (
    DAYS_MAXIMUM,
    KEYS_MAXIMUM,
    ApiKey,
    ApiKeyDraft,
    Issued,
    KeyEnding,
    checked_name,
    checked_scopes,
    require_own,
)
from app.domain.identity.step_up import require_fresh
from app.domain.ids import ApiKeyId
from app.domain.unit_of_work import in_batches, unit_of_work
from app.domain.users import repository as users_repository
from app.domain.users.caller import Caller
from app.domain.users.faults import Faults
from app.domain.users.user import User

# Of a key that ended, so that whoever still shows it learns what became of it.
ENDED_KEPT = timedelta(days=30)
PURGE_BATCH = 500


async def create(database: Database, caller: Caller, draft: ApiKeyDraft) -> Issued:
    """Gives the caller a new key, effective at once; its text is never to be had again.

    Raises Invalid with every fault, NotAllowed (SESSION_REQUIRED), NotAuthenticated (STEP_UP_REQUIRED), and Conflict
    (TOO_MANY_API_KEYS) at 50 live keys, however many are asked for at the same time.
    """
    faults = Faults()
    name = faults.of(checked_name, draft.name)
    scopes = faults.of(checked_scopes, draft.scopes)
    faults.raise_any()
    if not timedelta(0) < draft.lives <= timedelta(days=DAYS_MAXIMUM):
        raise ValueError(f"a key lives at most {DAYS_MAXIMUM} days, not {draft.lives}")
    async with unit_of_work(database) as work:
        user = await _locked(work, caller)
        require_own(scopes, frozenset(user.roles))
        if await repository.count(work, user.id) >= KEYS_MAXIMUM:
            raise Conflict(f"You have {KEYS_MAXIMUM} API keys; revoke one first.", code="TOO_MANY_API_KEYS")
        issued = await _issue(work, user, ApiKeyDraft(name, scopes, draft.lives))
        _record(work, Action.API_KEY_CREATED, caller, issued.api_key, {"scopes": (None, scopes)})
        return issued


async def rotate(database: Database, caller: Caller, api_key_id: ApiKeyId) -> Issued:
    """Ends a live key and gives the caller another of the same name, scopes and length of life, in one step.

    Raises NotFound, NotAllowed (SESSION_REQUIRED), NotAuthenticated (STEP_UP_REQUIRED), and Invalid if the caller's
    roles no longer give them all scopes.
    """
    async with unit_of_work(database) as work:
        user = await _locked(work, caller)
        replaced = await repository.revoke(work, api_key_id, user_id=user.id, ending=KeyEnding.ROTATED)
        if replaced is None:
            raise NotFound("API key", api_key_id)
        require_own(replaced.scopes, frozenset(user.roles))
        lives = replaced.expires_at - replaced.created_at
        issued = await _issue(work, user, ApiKeyDraft(replaced.name, replaced.scopes, lives))
        _record(work, Action.API_KEY_ROTATED, caller, replaced, {"api_key_id": (replaced.id, issued.api_key.id)})
        return issued


async def revoke(database: Database, caller: Caller, api_key_id: ApiKeyId) -> None:
    """Ends one of the caller's live keys; it is refused from the next request on. Raises NotFound."""
    async with unit_of_work(database) as work:
        revoked = await repository.revoke(work, api_key_id, user_id=caller.user_id, ending=KeyEnding.REVOKED)
        if revoked is None:
            raise NotFound("API key", api_key_id)
        _record(work, Action.API_KEY_REVOKED, caller, revoked)


async def purge_ended(database: Database) -> int:
    """Deletes the keys that ended more than 30 days ago, in batches of 500; says how many."""
    return await in_batches(database, partial(repository.purge, kept=ENDED_KEPT), PURGE_BATCH)


async def _locked(work: Transaction, caller: Caller) -> User:
    """The caller, locked: their keys are counted and made one after another, and none is made once they are let out."""
    user = (await users_repository.lock(work, caller.user_id)).get(caller.user_id)
    # Under the lock: whatever ended the session while this waited has been seen. And so a key makes no keys: else a
    # leaked one would live for ever.
    await require_fresh(work, caller)
    if user is None or not user.is_active:
        raise NotAuthenticated("The session of this token has ended; log in again.", code="SESSION_ENDED")
    return user


async def _issue(work: Transaction, user: User, draft: ApiKeyDraft) -> Issued:
    token = api_key_text.fresh()
    return Issued(await repository.insert_key(work, user.id, draft, api_key_text.fingerprint(token)), token)


def _record(work: Transaction, action: Action, caller: Caller, api_key: ApiKey, changed: Changes = NOTHING) -> None:
    audit.record(work, action, actor=caller.user_id, subject=Subject("api-key", api_key.id), changed=changed)
