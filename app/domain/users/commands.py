"""What people change about themselves. Access and roles are changed in `identity.administration`."""

import msgspec

from app.database.executor import Database
from app.domain.errors import NotFound
from app.domain.unit_of_work import unit_of_work
from app.domain.users import repository
from app.domain.users.caller import Caller
from app.domain.users.faults import Faults
from app.domain.users.user import (
    ProfileChange,
    User,
    checked_locale,
    checked_name,
    checked_timezone,
    require_version,
)

Versions = frozenset[int] | None

_RULES = {"name": checked_name, "timezone": checked_timezone, "locale": checked_locale}


async def update_profile(
    database: Database, caller: Caller, change: ProfileChange, *, expected: Versions = None
) -> User:
    """Changes the caller's name, time zone and language; a change to what is already so leaves the version.

    `expected` are the versions that the caller knows; any other raises Stale. Raises Invalid with every fault.
    """
    faults = Faults()
    values = {
        field: faults.of(rule, value)
        for field, rule in _RULES.items()
        if (value := getattr(change, field)) is not msgspec.UNSET
    }
    faults.raise_any()
    async with unit_of_work(database) as work:
        user = (await repository.lock(work, caller.user_id)).get(caller.user_id)
        if user is None:
            raise NotFound("user", caller.user_id)
        require_version(user, expected)
        changed = msgspec.structs.replace(user, **values)
        return user if changed == user else await repository.update_user(work, changed)
