"""Which passwords people may choose."""

from typing import Any

import pytest

from app.domain.errors import Invalid
from app.domain.identity import password_policy

ANN: Any = {"email": "ann.hamilton@example.com", "name": "Ann Hamilton"}


def refusal(password: str, **options) -> str:
    with pytest.raises(Invalid) as caught:
        password_policy.checked(password, **ANN, **options)
    (field,) = caught.value.fields
    return field.code


class TestLength:
    def test_fifteen_characters_are_enough(self) -> None:
        assert password_policy.checked("tin roof rusted", **ANN) == "tin roof rusted"

    def test_fourteen_are_not(self) -> None:
        assert refusal("tin roof ruste") == "PASSWORD_TOO_SHORT"

    def test_with_a_second_factor_eight_are_enough(self) -> None:
        password_policy.checked("tin roof", **ANN, has_second_factor=True)
        assert refusal("tin roo", has_second_factor=True) == "PASSWORD_TOO_SHORT"

    def test_there_is_an_upper_bound(self) -> None:
        words = "a phrase that goes on and on without ever saying the same thing twice "
        password_policy.checked((words + "0123x56" * 40)[:256], **ANN)
        assert refusal((words + "0123x56" * 40)[:257]) == "PASSWORD_TOO_LONG"

    def test_characters_count_and_not_bytes(self) -> None:
        assert refusal("\U0001f511\U0001f30a\U0001f40b" * 4) == "PASSWORD_TOO_SHORT"

    def test_characters_count_as_they_are_hashed(self) -> None:
        """Fourteen characters, one of them written as two code points."""
        assert refusal("tin roof ruste\u0301") == "PASSWORD_TOO_SHORT"


class TestKinds:
    @pytest.mark.parametrize(
        "password",
        [
            "correct horse battery staple",
            "alllowercaseletters",
            "739164820573916482057391",
            "Zürich liegt am See",
            "пароль на весь мир",
            "\U0001f511\U0001f30a\U0001f40b\U0001f9ca\U0001f525" * 2
            + "\U0001f34b\U0001f955\U0001f9c5\U0001f344\U0001f95d",
            "   x   y   z   0   ",
        ],
    )
    def test_no_kind_of_character_is_demanded(self, password: str) -> None:
        password_policy.checked(password, **ANN)


class TestFirstGuesses:
    @pytest.mark.parametrize(
        "password", ["1qaz2wsx3edc4rfv", "polniypizdec0211", "Password1234567", "!!iloveyou12345!!"]
    )
    def test_common_passwords_are_refused_however_they_are_dressed(self, password: str) -> None:
        assert refusal(password) == "PASSWORD_TOO_COMMON"

    def test_shorter_common_ones_are_refused_where_short_ones_are_allowed(self) -> None:
        assert refusal("sunshine", has_second_factor=True) == "PASSWORD_TOO_COMMON"

    @pytest.mark.parametrize("password", ["aaaaaaaaaaaaaaa", "passwordpassword", "PasswordpassworD", "abcabcabcabcabc"])
    def test_repetitions_are_refused(self, password: str) -> None:
        assert refusal(password) == "PASSWORD_REPEATS"

    def test_a_long_text_twice_is_a_long_text(self) -> None:
        password_policy.checked("tin roof rusted" * 2, **ANN)

    @pytest.mark.parametrize(
        "password",
        [
            "abcdefghijklmnop",
            "123456789012345",
            "9876543210987654",
            "qwertyuiopasdfgh",
            "1234abcd5678efgh",
            "aaaabbbbccccdddd",
        ],
    )
    def test_sequences_are_refused(self, password: str) -> None:
        assert refusal(password) == "PASSWORD_IS_A_SEQUENCE"

    @pytest.mark.parametrize(
        "password",
        [
            "ann.hamilton@example.com",
            "HamiltonHamilton1",
            "Ann Hamilton 2026",
            "todo service todo",
            "ann-hamilton-todo",
        ],
    )
    def test_ones_own_data_and_the_name_of_the_service_are_refused(self, password: str) -> None:
        assert refusal(password) == "PASSWORD_IS_PERSONAL"

    def test_ones_name_may_stand_in_a_longer_phrase(self) -> None:
        password_policy.checked("ann never forgets the ferns", **ANN)


class TestRefusal:
    def test_it_names_the_field_and_the_way_out(self) -> None:
        with pytest.raises(Invalid) as caught:
            password_policy.checked("short", **ANN, pointer="#/new_password")
        (field,) = caught.value.fields
        assert field.pointer == "#/new_password"
        assert field.detail.startswith("new_password must have at least 15 characters")

    def test_it_never_shows_the_password(self) -> None:
        with pytest.raises(Invalid) as caught:
            password_policy.checked("hunter2", **ANN)
        assert "hunter2" not in caught.value.detail


class TestCommonPasswords:
    def test_the_list_is_what_its_head_says(self) -> None:
        common = password_policy._common()
        assert len(common) == 8354
        assert all(len(password) >= 8 and password == password.casefold() for password in common)
        assert {"password1", "qwertyuiop"} <= common
