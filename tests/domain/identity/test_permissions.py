"""Who may do what, in one table."""

from dataclasses import replace
from uuid import uuid4

import pytest

from app.domain.errors import NotAllowed, ScopeMissing
from app.domain.identity.permissions import (
    DESCRIPTIONS,
    FOR_SESSIONS_ONLY,
    GRANTABLE,
    OF_EVERYBODY,
    OF_ROLE,
    Permission,
    of_roles,
    require_role,
    require_scope,
)
from app.domain.ids import ApiKeyId, SessionId, TeamId, UserId
from app.domain.users.caller import Caller
from app.domain.users.user import ROLES

SESSION = Caller(UserId(uuid4()), SessionId(uuid4()), TeamId(uuid4()), "UTC", frozenset(), ())
KEY = replace(SESSION, session_id=None, scopes=frozenset({"todos:read"}), token_id=ApiKeyId(uuid4()))


class TestTheTable:
    def test_says_what_each_permission_is_for(self) -> None:
        assert set(DESCRIPTIONS) == set(Permission)
        assert all(text.endswith(".") for text in DESCRIPTIONS.values())

    def test_knows_every_role_that_can_be_given_and_no_other(self) -> None:
        assert set(OF_ROLE) == ROLES

    def test_gives_each_permission_to_somebody(self) -> None:
        assert of_roles(frozenset(OF_ROLE)) == set(Permission)

    def test_gives_nobody_for_nothing_what_is_about_others(self) -> None:
        assert {Permission.USERS_READ, Permission.USERS_ADMIN, Permission.OPERATIONS_READ}.isdisjoint(OF_EVERYBODY)

    def test_keeps_what_proves_identity_and_gives_power_from_keys(self) -> None:
        assert {Permission.ACCOUNT, Permission.USERS_ADMIN} <= FOR_SESSIONS_ONLY
        assert set(Permission) - FOR_SESSIONS_ONLY == GRANTABLE

    def test_ignores_a_role_of_another_release(self) -> None:
        assert of_roles(frozenset({"emperor"})) == OF_EVERYBODY


class TestScope:
    @pytest.mark.parametrize("permission", list(Permission))
    def test_a_session_has_them_all(self, permission: Permission) -> None:
        require_scope(SESSION, permission)

    @pytest.mark.parametrize("permission", list(Permission))
    def test_a_key_has_those_that_it_was_given(self, permission: Permission) -> None:
        if permission == Permission.TODOS_READ:
            require_scope(KEY, permission)
            return
        with pytest.raises(ScopeMissing) as caught:
            require_scope(KEY, permission)
        assert (caught.value.scope, caught.value.code) == (permission, "INSUFFICIENT_SCOPE")
        assert permission in caught.value.detail

    def test_a_key_without_any_can_do_nothing(self) -> None:
        for permission in Permission:
            with pytest.raises(ScopeMissing):
                require_scope(replace(KEY, scopes=frozenset()), permission)


class TestRole:
    @pytest.mark.parametrize("permission", list(Permission))
    def test_administrators_have_all(self, permission: Permission) -> None:
        require_role(replace(SESSION, roles=frozenset({"admin"})), permission)

    @pytest.mark.parametrize("permission", list(Permission))
    def test_others_have_what_everybody_has(self, permission: Permission) -> None:
        if permission in OF_EVERYBODY:
            require_role(SESSION, permission)
            return
        with pytest.raises(NotAllowed) as caught:
            require_role(SESSION, permission)
        assert caught.value.code == "ADMINISTRATORS_ONLY"


class TestOwnSession:
    def test_it_is_the_one_that_is_shown(self) -> None:
        assert SESSION.own_session == SESSION.session_id

    def test_a_key_has_none(self) -> None:
        with pytest.raises(NotAllowed) as caught:
            _ = KEY.own_session
        assert caught.value.code == "SESSION_REQUIRED"
