"""Rotation of refresh tokens: each is used once, and its replacement is the only one that goes on.

Simultaneous and repeated rotations of one token get the same successor for a few seconds: lost answers, two tabs and
crashed workers log nobody out. A token that comes back later was stolen, from the user or by them: the family ends.
Source: RFC 9700 §4.14.2.
"""

from app.database.executor import Database, Reader
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.errors import NotAuthenticated
from app.domain.identity import refresh_token_repository as tokens
from app.domain.identity import repository
from app.domain.identity.authority import Authority
from app.domain.identity.refresh_token_repository import TokenOwner, UsedToken
from app.domain.identity.refresh_tokens import fingerprint
from app.domain.identity.session import Ending, Tokens
from app.domain.unit_of_work import unit_of_work
from app.telemetry.logging import get_logger

log = get_logger(__name__)


async def refresh(database: Database, authority: Authority, refresh_token: str) -> Tokens:
    """New tokens for an old refresh token; moves the session's idle expiry.

    Raises NotAuthenticated: INVALID_REFRESH_TOKEN for one that is unknown or of a session that has ended, and
    REFRESH_TOKEN_REUSED, having ended the session, for one that was replaced longer than the grace ago.
    """
    old_hash = fingerprint(refresh_token)
    async with unit_of_work(database) as work:
        session_id = await tokens.take(work, old_hash)
        if session_id is not None:
            opened = await repository.extend(work, session_id, authority.lifetimes)
            if opened is None:
                raise _invalid()
            successor = authority.refresh_tokens.successors(refresh_token)[0]
            await tokens.add(work, session_id, fingerprint(successor))
            await tokens.forget_used(work, session_id)
            return authority.tokens(opened, successor)
        used = await tokens.used(work, old_hash, authority.lifetimes.grace)
    if used is None or not used.is_live:
        raise _invalid()
    if not used.is_in_grace:
        await _end_family(database, used)
        raise NotAuthenticated(
            "The refresh token was used before, so its session was ended; log in again.", code="REFRESH_TOKEN_REUSED"
        )
    return await _repeated(database, authority, refresh_token, used)


async def owner_of(reader: Reader, refresh_token: str) -> TokenOwner | None:
    """Whose session a refresh token is or was of; None if it is unknown. One statement."""
    return await tokens.owner(reader, fingerprint(refresh_token))


async def end(database: Database, refresh_token: str) -> None:
    """Ends the session of a refresh token, used or not; an unknown one ends nothing."""
    async with unit_of_work(database) as work:
        owner = await owner_of(work, refresh_token)
        if owner is not None and await repository.revoke(work, owner.session_id, Ending.LOGOUT):
            audit.record(
                work,
                Action.LOGGED_OUT,
                actor=owner.user_id,
                subject=Subject("user", owner.user_id),
                changed={"session_ids": ([owner.session_id], [])},
            )


async def _repeated(database: Database, authority: Authority, refresh_token: str, used: UsedToken) -> Tokens:
    """The answer that the first rotation gave. A change of keys in between is why more than one may be possible."""
    successors = {fingerprint(successor): successor for successor in authority.refresh_tokens.successors(refresh_token)}
    stored = await tokens.known(database.reader, list(successors))
    if not stored:
        raise _invalid()
    return authority.tokens(used.session, successors[stored.pop()])


async def _end_family(database: Database, used: UsedToken) -> None:
    """Ends the session in a transaction of its own, which the refusal that follows cannot undo."""
    async with unit_of_work(database) as work:
        if await repository.revoke(work, used.session.id, Ending.REFRESH_REUSE):
            # Who came with it is not known: the thief, or the person whose token was stolen.
            audit.record(
                work,
                Action.REFRESH_TOKEN_REUSED,
                subject=Subject("user", used.session.user_id),
                changed={"session_ids": ([used.session.id], [])},
            )
    log.info("refresh token reused, session ended", session_id=str(used.session.id), user_id=str(used.session.user_id))


def _invalid() -> NotAuthenticated:
    return NotAuthenticated("The refresh token is not valid; log in again.", code="INVALID_REFRESH_TOKEN")
