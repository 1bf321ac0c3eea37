"""Coming in and going out: accounts, logging in, changing the password, ending sessions.

Passwords are hashed and verified before a transaction begins, never inside one.
"""

from app.database.executor import Database, Transaction
from app.domain import notices
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Changes, Subject
from app.domain.errors import Conflict, NotAuthenticated, NotFound, invalid
from app.domain.identity import (
    devices_repository,
    mailed_token_repository,
    password_policy,
    refresh_token_repository,
    refused_logins,
    repository,
)
from app.domain.identity.authority import Authority
from app.domain.identity.challenges import Challenge, challenge
from app.domain.identity.devices import checked_label
from app.domain.identity.passwords import normalised
from app.domain.identity.refresh_tokens import fingerprint
from app.domain.identity.session import Client, Ending, Session, Tokens
from app.domain.identity.step_up import prove_password, require_fresh
from app.domain.ids import SessionId, UserId, uuid7
from app.domain.notices import Notice
from app.domain.teams import repository as teams_repository
from app.domain.unit_of_work import in_batches, unit_of_work
from app.domain.users import password_repository
from app.domain.users import repository as users_repository
from app.domain.users.caller import Caller
from app.domain.users.repository import PasswordHolder
from app.domain.users.user import User
from app.field_encryption import FieldCipher

PERSONAL_TEAM_NAME = "Personal"
PURGE_BATCH = 500


async def create_account(
    database: Database,
    *,
    email: str,
    name: str,
    password_hash: str,
    timezone: str = "UTC",
    roles: tuple[str, ...] = (),
) -> User:
    """Stores what `insert_account` stores, in a unit of work of its own. Raises Conflict (EMAIL_TAKEN)."""
    async with unit_of_work(database) as work:
        return await insert_account(
            work, email=email, name=name, password_hash=password_hash, timezone=timezone, roles=roles
        )


async def insert_account(
    work: Transaction, *, email: str, name: str, password_hash: str, timezone: str, roles: tuple[str, ...] = ()
) -> User:
    """Stores a user and their personal team from values that keep the rules. Raises Conflict (EMAIL_TAKEN).

    The address counts as confirmed: whoever calls this knows whose it is.
    """
    user_id = UserId(uuid7())
    user = await users_repository.insert_user(
        work, user_id, email=email, name=name, password_hash=password_hash, timezone=timezone, roles=list(roles)
    )
    await teams_repository.insert_personal(work, user_id=user_id, name=PERSONAL_TEAM_NAME)
    audit.record(work, Action.REGISTERED, actor=user_id, subject=Subject("user", user_id))
    return user


async def log_in(
    database: Database, authority: Authority, *, email: str, password: str, client: Client
) -> Tokens | Challenge:
    """Opens a session, or asks for the second factor if there is one. Replaces a hash of older parameters on the way.

    Raises NotAuthenticated (INVALID_CREDENTIALS), the same and after the same work for an unknown address, a wrong
    password and an account that is not active; PASSWORD_RESET_REQUIRED if the password was good enough only next to a
    second factor that is gone.
    """
    holder = await _proven(database, authority, email, password)
    if authority.passwords.is_outdated(holder.password_hash):
        await _replace_outdated(database, authority, holder, password)
        holder = await _proven(database, authority, email, password)
    if holder.password_needs_factor and not holder.has_second_factor:
        await refused_logins.refuse_weak_password(holder, database)
    if holder.has_second_factor:
        opened: Tokens | Challenge | None = await challenge(database, holder, client)
    else:
        opened = await open_session(database, authority, holder, client)
    if opened is None:
        await refused_logins.refuse_closed(holder, database)
    return opened


async def open_session(
    database: Database,
    authority: Authority,
    holder: PasswordHolder,
    client: Client,
    *,
    with_second_factor: bool = False,
) -> Tokens | None:
    """A new session for somebody who has proved to be `holder`; None if they are not active or changed the password.

    None as well if they have a second factor by now and did not prove it. With one session too many, the one that was
    not seen for longest ends.
    """
    refresh_token = authority.refresh_tokens.first()
    async with unit_of_work(database) as work:
        opened = await repository.insert_session(
            work,
            holder.user_id,
            password_hash=holder.password_hash,
            with_second_factor=with_second_factor,
            client=client,
            lifetimes=authority.lifetimes,
        )
        if opened is None:
            return None
        await refresh_token_repository.add(work, opened.id, fingerprint(refresh_token))
        maximum = authority.sessions_per_user
        surplus = await devices_repository.end_surplus(work, holder.user_id, kept=opened.id, maximum=maximum)
        audit.record(
            work,
            Action.LOGGED_IN,
            actor=holder.user_id,
            subject=Subject("user", holder.user_id),
            changed={"session_id": (None, opened.id), **({"session_ids": (surplus, [])} if surplus else {})},
        )
    return authority.tokens(opened, refresh_token)


async def log_out(database: Database, caller: Caller) -> None:
    """Ends the caller's session. Its tokens of both kinds are refused from the next request on."""
    async with unit_of_work(database) as work:
        if await repository.revoke(work, caller.own_session, Ending.LOGOUT):
            _record_endings(work, Action.LOGGED_OUT, caller, [caller.own_session])


async def log_out_everywhere(database: Database, caller: Caller) -> None:
    """Ends all sessions of the caller, this one included."""
    async with unit_of_work(database) as work:
        ended = await repository.revoke_all(work, caller.user_id, Ending.LOGOUT_ALL)
        if ended:
            _record_endings(work, Action.LOGGED_OUT_EVERYWHERE, caller, ended)


async def log_out_others(database: Database, caller: Caller) -> None:
    """Ends all sessions of the caller but this one."""
    async with unit_of_work(database) as work:
        ended = await repository.revoke_all(work, caller.user_id, Ending.LOGOUT_OTHERS, kept=caller.own_session)
        if ended:
            _record_endings(work, Action.LOGGED_OUT_ELSEWHERE, caller, ended)


async def label_session(database: Database, caller: Caller, session_id: SessionId, label: str | None) -> Session:
    """Names one of the caller's live sessions; None takes the name away. Raises Invalid and NotFound."""
    checked = None if label is None else checked_label(label)
    async with unit_of_work(database) as work:
        session = await devices_repository.label(work, session_id, user_id=caller.user_id, label=checked)
        if session is None:
            raise NotFound("session", session_id)
        return session


async def revoke_session(database: Database, caller: Caller, session_id: SessionId) -> None:
    """Ends one of the caller's live sessions, perhaps this one. Raises NotFound."""
    async with unit_of_work(database) as work:
        if not await repository.revoke_own(work, session_id, user_id=caller.user_id, ending=Ending.REVOKED):
            raise NotFound("session", session_id)
        _record_endings(work, Action.SESSION_REVOKED, caller, [session_id])


async def change_password(
    database: Database,
    authority: Authority,
    cipher: FieldCipher,
    caller: Caller,
    *,
    current_password: str,
    new_password: str,
) -> None:
    """Gives the caller a new password, ends all their other sessions and tells them by mail.

    Who has a second factor must have proved it just now, and may have a shorter password. Raises NotAuthenticated
    (WRONG_PASSWORD, STEP_UP_REQUIRED, SESSION_ENDED), TooManyAttempts, Invalid, and Conflict if the password or whether
    there is a second factor was changed at the same time.
    """
    holder = await prove_password(database, authority, caller, current_password, field="current_password")
    if normalised(new_password) == normalised(current_password):
        raise invalid("#/new_password", "PASSWORD_UNCHANGED", "new_password must differ from current_password.")
    password_policy.checked(
        new_password,
        email=holder.email,
        name=holder.name,
        has_second_factor=holder.has_second_factor,
        pointer="#/new_password",
    )
    needs_factor = password_policy.needs_second_factor(new_password, email=holder.email, name=holder.name)
    new_hash = await authority.passwords.hash(new_password)
    async with unit_of_work(database) as work:
        # As it is now: since the password was looked at, two more were hashed. Nobody changes it until this ends.
        await users_repository.lock(work, caller.user_id)
        present = await users_repository.password_by_id(work, caller.user_id)
        if present is None or not await repository.present(work, [caller.own_session]):
            raise NotAuthenticated("Your session has ended; log in again.", code="SESSION_ENDED")
        if present.has_second_factor:
            await require_fresh(work, caller)
        old_hash = holder.password_hash
        if present.has_second_factor is not holder.has_second_factor or not await password_repository.replace_password(
            work, caller.user_id, old_hash=old_hash, new_hash=new_hash, needs_factor=needs_factor
        ):
            raise Conflict("Your password was changed by another request; try again.", code="PASSWORD_CHANGED")
        await mailed_token_repository.end_of_user(work, caller.user_id)
        ended = await repository.revoke_all(work, caller.user_id, Ending.PASSWORD_CHANGED, kept=caller.own_session)
        audit.record(
            work,
            Action.PASSWORD_CHANGED,
            actor=caller.user_id,
            subject=Subject("user", caller.user_id),
            changed={"password": (None, None), "session_ids": (ended, [])},
        )
        await notices.tell(work, cipher, Notice.PASSWORD_CHANGED, to=present.email)


async def purge_expired(database: Database) -> int:
    """Deletes the sessions that are past their absolute expiry, with their tokens, in batches of 500; says how many."""
    return await in_batches(database, repository.purge, PURGE_BATCH)


async def purge_mailed_tokens(database: Database) -> int:
    """Deletes the mailed tokens that have expired, in batches of 500; says how many."""
    return await in_batches(database, mailed_token_repository.purge, PURGE_BATCH)


async def _proven(database: Database, authority: Authority, email: str, password: str) -> PasswordHolder:
    """Whose address and password these are. Verifies exactly one hash, whether there is such an account or not."""
    holder = await users_repository.password_by_email(database.reader, email)
    matches = await authority.passwords.verify(holder.password_hash if holder else None, password)
    if holder is None or not matches:
        await refused_logins.refuse(holder, database, "WRONG_PASSWORD" if holder else "UNKNOWN_ACCOUNT")
    return holder


async def _replace_outdated(database: Database, authority: Authority, holder: PasswordHolder, password: str) -> None:
    """Hashes a proven password with the present parameters; whoever loses against a simultaneous login leaves it."""
    new_hash = await authority.passwords.hash(password)
    async with unit_of_work(database) as work:
        await password_repository.replace_password(
            work,
            holder.user_id,
            old_hash=holder.password_hash,
            new_hash=new_hash,
            needs_factor=holder.password_needs_factor,
        )


def _record_endings(work: Transaction, action: Action, caller: Caller, session_ids: list[SessionId]) -> None:
    changed: Changes = {"session_ids": (session_ids, [])}
    audit.record(work, action, actor=caller.user_id, subject=Subject("user", caller.user_id), changed=changed)
