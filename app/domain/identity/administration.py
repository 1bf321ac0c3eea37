"""What administrators decide about others: who may come in, and who is an administrator."""

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from app.database.executor import Database, Transaction
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject, differences
from app.domain.errors import Conflict, NotAllowed, NotFound
from app.domain.identity import api_key_repository, mailed_token_repository, repository
from app.domain.identity.api_key import KeyEnding
from app.domain.identity.session import Ending
from app.domain.identity.step_up import require_fresh
from app.domain.ids import UserId
from app.domain.unit_of_work import unit_of_work
from app.domain.users import repository as users_repository
from app.domain.users.caller import ADMINISTRATOR, Caller
from app.domain.users.user import User, checked_roles, require_version

Versions = frozenset[int] | None


class AccessChange(Struct, frozen=True):
    """Whether somebody may come in, and their roles in the whole service; what is UNSET stays."""

    is_active: bool | UnsetType = UNSET
    roles: list[str] | UnsetType = UNSET


async def change_access(
    database: Database,
    caller: Caller,
    user_id: UserId,
    change: AccessChange,
    *,
    expected: Versions = None,
) -> User:
    """Lets a user in or out, and sets their roles; letting out ends all their sessions and API keys, for good.

    The next request knows it.

    Raises NotFound (for those who do not see the user), NotAllowed, NotAuthenticated (STEP_UP_REQUIRED), Stale,
    Invalid, and Conflict (OWN_ACCESS) if administrators would lock themselves out. As nobody removes themselves, there
    is always an administrator left.
    """
    if not caller.is_administrator and caller.user_id != user_id:
        raise NotFound("user", user_id)
    roles = change.roles if change.roles is UNSET else checked_roles(change.roles)
    async with unit_of_work(database) as work:
        locked = await users_repository.lock(work, caller.user_id, user_id)
        require_still_administrator(locked.get(caller.user_id))
        await require_fresh(work, caller)
        user = locked.get(user_id)
        if user is None:
            raise NotFound("user", user_id)
        require_version(user, expected)
        wanted = replace(
            user,
            is_active=user.is_active if change.is_active is UNSET else change.is_active,
            roles=user.roles if roles is UNSET else roles,
        )
        if wanted == user:
            return user
        if user_id == caller.user_id and not _administers(wanted):
            raise Conflict("You cannot take your own access away; another administrator can.", code="OWN_ACCESS")
        if user.is_active and not wanted.is_active:
            await mailed_token_repository.end_of_user(work, user_id)
            await repository.revoke_all(work, user_id, Ending.DEACTIVATED)
            await api_key_repository.revoke_all(work, user_id, KeyEnding.DEACTIVATED)
        _record(work, caller.user_id, user, wanted)
        return await users_repository.update_user(work, wanted)


async def appoint(database: Database, email: str) -> User:
    """Makes the account with this address an administrator; one that is stays one. Raises NotFound.

    For whoever runs the service: the first administrator has nobody to be appointed by.
    """
    holder = await users_repository.password_by_email(database.reader, email)
    if holder is None:
        raise NotFound("user", email)
    async with unit_of_work(database) as work:
        user = (await users_repository.lock(work, holder.user_id))[holder.user_id]
        if ADMINISTRATOR in user.roles:
            return user
        wanted = replace(user, roles=[*user.roles, ADMINISTRATOR])
        _record(work, None, user, wanted)
        return await users_repository.update_user(work, wanted)


def _record(work: Transaction, actor: UserId | None, before: User, after: User) -> None:
    changed = differences(before, after, "is_active", "roles")
    audit.record(work, Action.ACCESS_CHANGED, actor=actor, subject=Subject("user", before.id), changed=changed)


def _administers(user: User) -> bool:
    return user.is_active and ADMINISTRATOR in user.roles


def require_still_administrator(caller: User | None) -> None:
    """Raises NotAllowed unless this user, whom the transaction has locked, administers the service.

    Read under the lock: of two administrators who demote each other, the second is none any more.
    """
    if caller is None or not _administers(caller):
        raise NotAllowed("This is for administrators of the service.", code="ADMINISTRATORS_ONLY")
