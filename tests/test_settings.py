"""Settings are validated all at once, and production refuses what is insecure."""

from pathlib import Path

import pytest

from app.setting_groups import DEVELOPMENT_SECRET
from app.settings import SettingsError, load_settings

SECRET = "0123456789abcdef0123456789abcdef-secret"
PRODUCTION = {"ENVIRONMENT": "production", "SECRET_KEY": SECRET, "DATABASE_URL": "postgresql://todo@db/todo"}


def faults(**variables: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load_settings(**variables)
    return refused.value.faults


class TestValues:
    def test_the_defaults_are_enough_for_development(self) -> None:
        settings = load_settings()
        assert (settings.environment, settings.http.port, settings.http.base_url) == (
            "development",
            8000,
            "http://127.0.0.1:8000",
        )

    def test_all_faults_come_at_once_with_variable_reason_and_example(self) -> None:
        found = faults(PORT="0", LOG_LEVEL="loud", REDIS_URL="http://x", CORS_ORIGINS="x/y", DB_POOL_SIZE="many")
        assert [fault.partition(":")[0] for fault in found] == [
            "DB_POOL_SIZE",
            "REDIS_URL",
            "PORT",
            "CORS_ORIGINS",
            "LOG_LEVEL",
        ]
        assert all("Example: " in fault for fault in found)

    def test_faults_across_variables_come_along(self) -> None:
        found = faults(
            ENVIRONMENT="production", DATABASE_URL="postgresql://db/d", SECRET_KEY="x", DEBUG="true", LOG_FORMAT="x"
        )
        assert [fault.partition(":")[0] for fault in found] == ["LOG_FORMAT", "SECRET_KEY", "DEBUG"]

    @pytest.mark.parametrize("value", ["http://[x", "ftp://x", "https://a?b=c", "example.com"])
    def test_a_public_address_that_is_none_is_refused(self, value: str) -> None:
        assert [fault.partition(":")[0] for fault in faults(PUBLIC_BASE_URL=value)] == ["PUBLIC_BASE_URL"]

    def test_the_log_level_may_shout(self) -> None:
        assert load_settings(LOG_LEVEL="INFO").log.level == "info"

    def test_a_fault_never_shows_a_secret(self) -> None:
        assert "hunter2" not in "".join(faults(DATABASE_URL="mysql://u:hunter2@h/d", SECRET_KEY="hunter2"))

    def test_a_driver_suffix_is_accepted(self) -> None:
        settings = load_settings(DATABASE_URL="postgresql+asyncpg://u@h/d")
        assert settings.database.url.get_secret_value() == "postgresql://u@h/d"

    def test_a_secret_can_come_from_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_text(SECRET + "\n")
        assert load_settings(SECRET_KEY_FILE=str(tmp_path / "key")).security.secret_key.get_secret_value() == SECRET

    def test_a_file_that_cannot_be_read_is_a_fault(self) -> None:
        assert faults(SECRET_KEY_FILE="/nowhere/key")[0].startswith("SECRET_KEY_FILE: cannot be read")

    def test_an_empty_variable_counts_as_absent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORT", "")
        assert load_settings().http.port == 8000

    def test_settings_cannot_be_changed(self) -> None:
        with pytest.raises(ValueError, match="frozen"):
            load_settings().http.port = 1  # type: ignore[misc]  # that it is refused is the point

    def test_a_representation_hides_the_secrets(self) -> None:
        shown = repr(load_settings(**PRODUCTION))
        assert SECRET not in shown
        assert "postgresql://" not in shown


class TestProduction:
    def test_good_settings_are_taken(self) -> None:
        assert load_settings(**PRODUCTION).is_production

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("SECRET_KEY", DEVELOPMENT_SECRET),
            ("SECRET_KEY", "short"),
            ("PREVIOUS_SECRET_KEYS", "short"),
            ("PREVIOUS_SECRET_KEYS", DEVELOPMENT_SECRET),
            ("CORS_ORIGINS", "*"),
            ("CORS_ORIGINS", "https://good.example,*"),
            ("DEBUG", "true"),
            ("TRUSTED_PROXIES", "0.0.0.0/0"),
            ("TRUSTED_PROXIES", "10.0.0.0/8,::/0"),
            ("TRUSTED_PROXIES", "0.0.0.0/1,128.0.0.0/1"),
            ("TRUSTED_PROXIES", "0.0.0.0/2,64.0.0.0/2,128.0.0.0/2,192.0.0.0/2"),
            ("TRUSTED_PROXIES", ",".join(f"{number}.0.0.0/8" for number in range(16))),
            ("TRUSTED_PROXIES", "::/1"),
            ("TRUSTED_PROXIES", "2000::/3"),
            ("DATABASE_URL", ""),
        ],
    )
    def test_what_is_insecure_is_refused_by_name(self, variable: str, value: str) -> None:
        found = faults(**{**PRODUCTION, variable: value})
        assert [fault.partition(":")[0] for fault in found] == [variable]

    def test_an_allow_list_of_all_addresses_is_refused(self) -> None:
        found = faults(**PRODUCTION, ENABLE_IP_WHITELIST="true", IP_WHITELIST="0.0.0.0/1,128.0.0.0/1")
        assert [fault.partition(":")[0] for fault in found] == ["IP_WHITELIST"]

    def test_every_private_network_may_be_trusted(self) -> None:
        private = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,169.254.0.0/16,127.0.0.0/8,fc00::/7,fe80::/10"
        assert len(load_settings(**PRODUCTION, TRUSTED_PROXIES=private).http.trusted_networks) == 8


class TestAllowList:
    def test_it_counts_only_where_it_is_switched_on(self) -> None:
        assert load_settings(IP_WHITELIST="203.0.113.0/24").threat.allowed_networks == ()
        settings = load_settings(ENABLE_IP_WHITELIST="true", IP_WHITELIST="203.0.113.0/24")
        assert len(settings.threat.allowed_networks) == 1
