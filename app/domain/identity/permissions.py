"""What may be done in the service, by name: who has each permission, and which of them an API key can carry.

Knows the one table of roles; refuses to know routes (`app.api.needs` does) and teams, whose roles decide in the SQL.
A caller may do what their roles give them now, and with an API key only as much of that as the key's scopes name.
"""

from enum import StrEnum
from functools import lru_cache

from app.domain.errors import NotAllowed, ScopeMissing
from app.domain.users.caller import ADMINISTRATOR, Caller


class Permission(StrEnum):
    """One kind of thing to do. Every route needs exactly one; the value is the scope of an API key."""

    TODOS_READ = "todos:read"
    TODOS_WRITE = "todos:write"
    PROJECTS_READ = "projects:read"
    PROJECTS_WRITE = "projects:write"
    TAGS_READ = "tags:read"
    TAGS_WRITE = "tags:write"
    TEAMS_READ = "teams:read"
    TEAMS_WRITE = "teams:write"
    ME_READ = "me:read"
    ME_WRITE = "me:write"
    ACCOUNT = "account"
    USERS_READ = "users:read"
    USERS_ADMIN = "users:admin"
    AUDIT_READ = "audit:read"
    OPERATIONS_READ = "operations:read"
    BLOCKS_READ = "blocks:read"
    BLOCKS_ADMIN = "blocks:admin"


DESCRIPTIONS: dict[Permission, str] = {
    Permission.TODOS_READ: "See todos, their lists and their figures.",
    Permission.TODOS_WRITE: "Create, change, complete, delete and restore todos, one by one or in batches.",
    Permission.PROJECTS_READ: "See projects.",
    Permission.PROJECTS_WRITE: "Create, change, archive, delete and restore projects.",
    Permission.TAGS_READ: "See tags and how many todos carry them.",
    Permission.TAGS_WRITE: "Create, change, merge and delete tags.",
    Permission.TEAMS_READ: "See teams and their members.",
    Permission.TEAMS_WRITE: "Create, change, leave and delete teams, and decide who belongs to them.",
    Permission.ME_READ: "See your own account.",
    Permission.ME_WRITE: "Change your name, time zone and language.",
    Permission.ACCOUNT: "Whatever proves who you are: password, second factors, sessions, API keys.",
    Permission.USERS_READ: "See everybody's accounts, sessions and API keys. For administrators.",
    Permission.USERS_ADMIN: "Decide who comes in and with which roles; end sessions and API keys. For administrators.",
    Permission.AUDIT_READ: "See who did what to whom in the whole service. For administrators.",
    Permission.OPERATIONS_READ: "See what a running process has done. For administrators.",
    Permission.BLOCKS_READ: "See which addresses are kept out, and why. For administrators.",
    Permission.BLOCKS_ADMIN: "Keep addresses out and let them in again. For administrators.",
}

OF_ROLE: dict[str, frozenset[Permission]] = {
    ADMINISTRATOR: frozenset(
        {
            Permission.USERS_READ,
            Permission.USERS_ADMIN,
            Permission.AUDIT_READ,
            Permission.OPERATIONS_READ,
            Permission.BLOCKS_READ,
            Permission.BLOCKS_ADMIN,
        }
    ),
}
# Whatever no role has for itself. What people may do in their teams is decided by their role there.
OF_EVERYBODY = frozenset(Permission).difference(*OF_ROLE.values())

# A key that leaks must not make itself permanent, nor others powerful: these take a person who has logged in.
FOR_SESSIONS_ONLY = frozenset({Permission.ACCOUNT, Permission.USERS_ADMIN, Permission.BLOCKS_ADMIN})
GRANTABLE = frozenset(Permission) - FOR_SESSIONS_ONLY


@lru_cache(maxsize=64)
def of_roles(roles: frozenset[str]) -> frozenset[Permission]:
    """What somebody with these roles of the service may do."""
    return OF_EVERYBODY.union(*(OF_ROLE[role] for role in roles if role in OF_ROLE))


def require_scope(caller: Caller, permission: Permission) -> None:
    """Raises ScopeMissing if the caller shows an API key without this scope. A session has them all."""
    if caller.scopes is None or permission in caller.scopes:
        return
    if permission in FOR_SESSIONS_ONLY:
        raise ScopeMissing(f"This needs {permission}, which no API key can have; log in instead.", permission)
    raise ScopeMissing(f"The API key does not have the scope {permission}, which this needs.", permission)


def require_role(caller: Caller, permission: Permission) -> None:
    """Raises NotAllowed if the caller's roles do not give this permission now."""
    if permission not in of_roles(caller.roles):
        raise NotAllowed("This is for administrators of the service.", code="ADMINISTRATORS_ONLY")
