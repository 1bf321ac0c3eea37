"""What each role may do."""

import pytest

from app.domain.errors import NotAllowed
from app.domain.teams.policy import Role, require_administrator, require_manager, require_owner, require_writer

OWNER, ADMIN, MEMBER, VIEWER = Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER


class TestRequire:
    @pytest.mark.parametrize(
        ("require", "allowed"),
        [
            (require_writer, {OWNER, ADMIN, MEMBER}),
            (require_administrator, {OWNER, ADMIN}),
            (require_owner, {OWNER}),
        ],
    )
    @pytest.mark.parametrize("role", list(Role))
    def test_only_high_enough_roles_pass(self, require, allowed, role):
        if role in allowed:
            require(role)
        else:
            with pytest.raises(NotAllowed) as refused:
                require(role)
            assert refused.value.code == "ROLE_TOO_LOW"

    def test_the_refusal_names_the_role_that_it_takes(self):
        with pytest.raises(NotAllowed, match="at least a member of the team; you are viewer"):
            require_writer("viewer")
        with pytest.raises(NotAllowed, match="takes an owner of the team; you are admin"):
            require_owner("admin")


class TestRequireManager:
    @pytest.mark.parametrize("role", list(Role))
    @pytest.mark.parametrize("of", list(Role))
    def test_owners_manage_everybody_and_admins_manage_members_and_viewers(self, role, of):
        if role == OWNER or (role == ADMIN and of in {MEMBER, VIEWER}):
            require_manager(role, of=of)
        else:
            with pytest.raises(NotAllowed):
                require_manager(role, of=of)
