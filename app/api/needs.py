"""Which permission each route needs: derived from its tag and method, or said by `@needs(…)`.

A route that nobody has decided about does not come into being, so nothing is ever open by having been forgotten.
"""

from collections.abc import Callable, Collection
from typing import Any, TypeVar

import msgspec

from app.domain.identity.permissions import OF_EVERYBODY, Permission, require_role, require_scope
from app.domain.users.caller import Caller

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

# What GET needs, and what all other methods need; None where there is nothing to write.
_BY_TAG: dict[str, tuple[Permission, Permission | None]] = {
    "todos": (Permission.TODOS_READ, Permission.TODOS_WRITE),
    "projects": (Permission.PROJECTS_READ, Permission.PROJECTS_WRITE),
    "tags": (Permission.TAGS_READ, Permission.TAGS_WRITE),
    "teams": (Permission.TEAMS_READ, Permission.TEAMS_WRITE),
    # What is about oneself is mostly about what proves it. The few routes that are not say so.
    "auth": (Permission.ACCOUNT, Permission.ACCOUNT),
    "me": (Permission.ACCOUNT, Permission.ACCOUNT),
    "keys": (Permission.ACCOUNT, Permission.ACCOUNT),
    "users": (Permission.USERS_READ, Permission.USERS_ADMIN),
    "audit": (Permission.AUDIT_READ, None),
    "operations": (Permission.OPERATIONS_READ, None),
    "blocks": (Permission.BLOCKS_READ, Permission.BLOCKS_ADMIN),
}


class Need(msgspec.Struct, frozen=True, array_like=True):
    """What one route asks of its callers. Where roles are not checked, the command decides who sees the thing."""

    permission: Permission
    checks_roles: bool

    def require(self, caller: Caller) -> None:
        """Raises ScopeMissing or NotAllowed unless the caller may use the route."""
        require_scope(caller, self.permission)
        if self.checks_roles:
            require_role(caller, self.permission)


def needs(permission: Permission, *, hides: bool = False) -> Callable[[Endpoint], Endpoint]:
    """Declares what the decorated handler needs, where its tag and method do not say it.

    With `hides`, those whose roles do not give the permission are not told so: for them the thing does not exist, and
    the command itself has to say that. A key without the scope is refused all the same.
    """

    def declare(endpoint: Endpoint) -> Endpoint:
        endpoint.need = _need(permission, hides=hides)  # type: ignore[attr-defined]  # read below
        return endpoint

    return declare


def need_of(endpoint: Callable[..., Any], tags: list[str], methods: Collection[str]) -> Need:
    """What a route needs. Raises TypeError, at start, for one that nobody has decided about."""
    declared: Need | None = getattr(endpoint, "need", None)
    if declared is not None:
        return declared
    for_reading, for_writing = _BY_TAG.get(tags[0], (None, None)) if len(tags) == 1 else (None, None)
    permission = for_reading if set(methods) == {"GET"} else for_writing
    if permission is not None:
        return _need(permission, hides=False)
    raise TypeError(f"{endpoint.__qualname__}: neither {tags} nor @needs says which permission this route needs")


def _need(permission: Permission, *, hides: bool) -> Need:
    return Need(permission, checks_roles=permission not in OF_EVERYBODY and not hides)
