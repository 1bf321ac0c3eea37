"""The rules of an account's fields."""

from zoneinfo import ZoneInfo

import pytest

from app.domain.errors import Invalid
from app.domain.users import user
from app.domain.users.faults import Faults


def refused(rule, value) -> tuple[str | None, str]:
    with pytest.raises(Invalid) as caught:
        rule(value)
    (field,) = caught.value.fields
    return field.pointer, field.code


class TestEmail:
    @pytest.mark.parametrize(
        "email", ["ann@example.com", "Ann.O'Neil+todo@mail.example.co.uk", "x@a.b", "a" * 64 + "@example.com"]
    )
    def test_an_address_stays_as_it_is_written(self, email: str) -> None:
        assert user.checked_email(email) == email

    @pytest.mark.parametrize(
        "email",
        [
            "",
            "ann",
            "ann@",
            "@example.com",
            "ann@localhost",
            "ann@exam ple.com",
            "ann@example.com\n",
            "ann@-example.com",
            "ann@example-.com",
            "ann@example..com",
            "änn@example.com",
            "ann@exämple.com",
            "ann@@example.com",
            "Ann <ann@example.com>",
            "a" * 65 + "@example.com",
            "ann@" + "a" * 64 + ".com",
            "ann@" + "a." * 124 + "com",
        ],
    )
    def test_anything_else_is_refused(self, email: str) -> None:
        assert refused(user.checked_email, email) == ("#/email", "EMAIL_FORMAT")


class TestName:
    def test_surrounding_space_goes(self) -> None:
        assert user.checked_name("  Ann Example ") == "Ann Example"

    def test_a_name_is_kept_in_nfc(self) -> None:
        assert user.checked_name("Zoe\u0308") == "Zo\u00eb"

    @pytest.mark.parametrize("name", ["", "   ", "x" * 101])
    def test_its_length_is_bounded(self, name: str) -> None:
        assert refused(user.checked_name, name) == ("#/name", "LENGTH")

    @pytest.mark.parametrize("name", ["Ann\nExample", "Ann\u202eelpmaxE", "Ann\x00"])
    def test_what_deceives_or_breaks_the_line_is_refused(self, name: str) -> None:
        assert refused(user.checked_name, name) == ("#/name", "UNUSABLE_TEXT")


class TestTimezone:
    def test_every_name_that_is_allowed_can_be_used(self) -> None:
        assert "Europe/Berlin" in user.timezones()
        for name in user.timezones():
            ZoneInfo(name)

    @pytest.mark.parametrize(
        "timezone", ["", "Mars/Olympus", "europe/berlin", "Europe/Berlin ", "../etc/passwd", "/etc/passwd", "Factory"]
    )
    def test_what_is_not_in_the_database_is_refused(self, timezone: str) -> None:
        assert refused(user.checked_timezone, timezone) == ("#/timezone", "UNKNOWN_TIMEZONE")


class TestLocale:
    @pytest.mark.parametrize("locale", ["en", "de-CH", "zh-Hant-TW", "es-419", "gsw"])
    def test_language_script_and_region_make_a_locale(self, locale: str) -> None:
        assert user.checked_locale(locale) == locale

    @pytest.mark.parametrize("locale", ["", "EN", "de_CH", "de-ch", "e", "de-CH-1996", "en\n", "x-klingon"])
    def test_other_spellings_are_refused(self, locale: str) -> None:
        assert refused(user.checked_locale, locale) == ("#/locale", "LOCALE_FORMAT")


class TestRoles:
    def test_each_role_counts_once(self) -> None:
        assert user.checked_roles(["admin", "admin"]) == ["admin"]

    def test_an_unknown_role_is_refused(self) -> None:
        assert refused(user.checked_roles, ["admin", "king"]) == ("#/roles", "UNKNOWN_ROLE")


class TestFaults:
    def test_all_faults_are_told_at_once(self) -> None:
        faults = Faults()
        faults.of(user.checked_name, "")
        faults.of(user.checked_email, "nobody")
        with pytest.raises(Invalid) as caught:
            faults.raise_any()
        assert [field.pointer for field in caught.value.fields] == ["#/name", "#/email"]

    def test_without_a_fault_nothing_happens(self) -> None:
        faults = Faults()
        assert faults.of(user.checked_name, " Ann ") == "Ann"
        faults.raise_any()
