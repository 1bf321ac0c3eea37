"""What each role of a team may do. Roles are ordered: whoever has a higher one may do all that a lower one may."""

from enum import StrEnum

from app.domain.errors import NotAllowed


class Role(StrEnum):
    """A member's place in a team, from the highest to the lowest."""

    OWNER = "owner"  # also deletes the team, and manages admins and owners
    ADMIN = "admin"  # also changes the team, and manages members and viewers
    MEMBER = "member"  # reads and writes what the team owns
    VIEWER = "viewer"  # reads

    @property
    def can_write(self) -> bool:
        """True if they may change the team's todos, projects and tags."""
        return self is not Role.VIEWER

    @property
    def can_administer(self) -> bool:
        """True if they may change the team itself and manage members and viewers."""
        return self in {Role.OWNER, Role.ADMIN}

    def can_manage(self, role: str) -> bool:
        """True if they may give `role` to others, and take it away."""
        return self is Role.OWNER or (self is Role.ADMIN and role in {Role.MEMBER, Role.VIEWER})


def require_writer(role: str) -> None:
    """Raises NotAllowed unless `role` may change the team's todos, projects and tags."""
    if not Role(role).can_write:
        raise role_too_low(Role.MEMBER, role)


def require_administrator(role: str) -> None:
    """Raises NotAllowed unless `role` may change the team itself and manage members and viewers."""
    if not Role(role).can_administer:
        raise role_too_low(Role.ADMIN, role)


def require_owner(role: str) -> None:
    """Raises NotAllowed unless `role` is owner."""
    if role != Role.OWNER:
        raise role_too_low(Role.OWNER, role)


def require_manager(role: str, *, of: str) -> None:
    """Raises NotAllowed unless `role` may give the role `of` to others, and take it away."""
    require_administrator(role)
    if not Role(role).can_manage(of):
        raise role_too_low(Role.OWNER, role)


def role_too_low(needed: Role, role: str) -> NotAllowed:
    """The refusal of what takes a higher role than the caller has."""
    article = "a" if needed is Role.MEMBER else "an"
    least = "" if needed is Role.OWNER else "at least "
    return NotAllowed(f"This takes {least}{article} {needed} of the team; you are {role}.", code="ROLE_TOO_LOW")
