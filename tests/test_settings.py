"""Settings are validated all at once, and production refuses what is insecure."""

import base64
from pathlib import Path

import pytest

from app.setting_groups import DEVELOPMENT_ENCRYPTION_KEY, DEVELOPMENT_INDEX_KEY, DEVELOPMENT_SECRET
from app.settings import SettingsError, load_settings

SECRET = "0123456789abcdef0123456789abcdef-secret"
KEYS = [base64.b64encode(bytes([number]) * 32).decode() for number in range(3)]
PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": SECRET,
    "ENCRYPTION_KEYS": f"k1:{KEYS[0]}",
    "BLIND_INDEX_KEYS": f"i1:{KEYS[1]}",
    "MAIL_PROVIDER": "off",
    "SMS_PROVIDER": "off",
    "DATABASE_URL": "postgresql://todo@db/todo?sslmode=verify-full",
}
MAIL = {"MAIL_PROVIDER": "smtp", "SMTP_URL": "smtp://u:p@mail.example.com", "MAIL_FROM": "Todo <todo@example.com>"}


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
            **{**PRODUCTION, "SECRET_KEY": "x", "DEBUG": "true", "LOG_FORMAT": "x"},
        )
        assert [fault.partition(":")[0] for fault in found] == ["LOG_FORMAT", "SECRET_KEY", "DEBUG"]

    @pytest.mark.parametrize("value", ["http://[x", "ftp://x", "https://a?b=c", "example.com"])
    def test_a_public_address_that_is_none_is_refused(self, value: str) -> None:
        assert [fault.partition(":")[0] for fault in faults(PUBLIC_BASE_URL=value)] == ["PUBLIC_BASE_URL"]

    def test_the_log_level_may_shout(self) -> None:
        assert load_settings(LOG_LEVEL="INFO").log.level == "info"

    def test_a_fault_never_shows_a_secret(self) -> None:
        assert "hunter2" not in "".join(faults(DATABASE_URL="mysql://u:hunter2@h/d", SECRET_KEY="hunter2"))
        (found,) = faults(DATABASE_URL="postgresql://u:hunter2@h/d?sslmode=hunter3")
        assert "none of allow, disable, prefer, require, verify-ca, verify-full" in found
        assert "hunter" not in found.partition("Example")[0]

    def test_a_driver_suffix_is_accepted(self) -> None:
        settings = load_settings(DATABASE_URL="postgresql+asyncpg://u@h/d")
        assert settings.database.url.get_secret_value() == "postgresql://u@h/d"

    def test_who_serves_migrates_as_well_unless_another_is_named(self) -> None:
        service, owner = "postgresql://service@h/d", "postgresql://owner@h/d"
        alone = load_settings(DATABASE_URL=service).database
        both = load_settings(DATABASE_URL=service, MIGRATION_DATABASE_URL=owner).database
        assert alone.owner_url.get_secret_value() == service
        assert (both.url.get_secret_value(), both.owner_url.get_secret_value()) == (service, owner)

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


class TestKeys:
    def test_the_first_key_is_the_current_one(self) -> None:
        settings = load_settings(ENCRYPTION_KEYS=f" new:{KEYS[1]}, k1:{KEYS[0]} ").encryption
        assert settings.keys == (("new", b"\x01" * 32), ("k1", b"\x00" * 32))

    @pytest.mark.parametrize("variable", ["ENCRYPTION_KEYS", "BLIND_INDEX_KEYS"])
    @pytest.mark.parametrize(
        "value",
        [",", KEYS[0], f":{KEYS[0]}", f"K1:{KEYS[0]}", "k1:hunter2", f"k1:{KEYS[0][:-4]}", f"a:{KEYS[0]},a:{KEYS[1]}"],
    )
    def test_what_is_no_list_of_keys_is_refused_and_not_shown(self, variable: str, value: str) -> None:
        (found,) = faults(**{variable: value})
        assert found.startswith(f"{variable}: ")
        assert "hunter2" not in found
        assert KEYS[0] not in found

    @pytest.mark.parametrize("variable", ["ENCRYPTION_KEYS", "BLIND_INDEX_KEYS", "SMTP_URL", "SMS_TOKEN"])
    def test_each_can_come_from_a_file(self, variable: str, tmp_path: Path) -> None:
        value = {"SMTP_URL": "smtp://mail", "SMS_TOKEN": "t"}.get(variable, f"k9:{KEYS[2]}")
        (tmp_path / "it").write_text(value + "\n")
        settings = load_settings(**{f"{variable}_FILE": str(tmp_path / "it")})
        shown = (settings.encryption.keys_text, settings.encryption.index_keys_text)
        sent = (settings.outbound.smtp_url, settings.outbound.sms_token)
        assert value in {secret.get_secret_value() for secret in (*shown, *sent)}


class TestMail:
    def test_a_server_and_a_sender_are_needed(self) -> None:
        assert [fault.partition(":")[0] for fault in faults(MAIL_PROVIDER="smtp")] == ["SMTP_URL", "MAIL_FROM"]
        assert load_settings(**MAIL).outbound.mail_server.port == 587

    def test_text_messages_need_an_address(self) -> None:
        assert [fault.partition(":")[0] for fault in faults(SMS_PROVIDER="http")] == ["SMS_URL"]

    @pytest.mark.parametrize(
        "value", ["a@example.com\r\nBcc: b@example.com", "a@b, c@d", "<a@b>", "a", "ä@example.com", "Jon <a@b> <c@d>"]
    )
    def test_a_sender_is_one_address(self, value: str) -> None:
        assert [fault.partition(":")[0] for fault in faults(MAIL_FROM=value)] == ["MAIL_FROM"]

    @pytest.mark.parametrize(
        "value", ["http://mail", "mail:25", "smtp://", "smtp://mail:port", "smtp://mail/x", "smtps://m?starttls=off"]
    )
    def test_an_address_that_is_no_mail_server_is_refused_without_its_password(self, value: str) -> None:
        (found,) = faults(SMTP_URL=value.replace("//", "//u:hunter2@"))
        assert found.startswith("SMTP_URL: ")
        assert "hunter2" not in found


class TestProduction:
    def test_good_settings_are_taken(self) -> None:
        assert load_settings(**PRODUCTION).is_production

    @pytest.mark.parametrize("variable", ["MAIL_PROVIDER", "SMS_PROVIDER"])
    def test_doing_without_messages_has_to_be_said(self, variable: str) -> None:
        found = faults(**{name: value for name, value in PRODUCTION.items() if name != variable})
        assert [fault.partition(":")[0] for fault in found] == [variable]
        assert "off" in found[0]

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
            ("DATABASE_URL", "postgresql://todo@db/todo"),
            ("DATABASE_URL", "postgresql://todo@127.0.0.1/todo?sslmode=disable"),
            ("DATABASE_URL", "postgresql://todo@db/todo?sslmode=prefer"),
            ("DATABASE_URL", "postgresql:///todo?host=/run/postgresql,db"),
            ("DATABASE_URL", "postgresql://todo@%2Frun%2Fpostgresql,db/todo?sslmode=allow"),
            ("DATABASE_URL", "postgresql:///todo"),
            ("MIGRATION_DATABASE_URL", "postgresql://owner@db/todo"),
            ("REDIS_URL", "redis://cache"),
            ("REDIS_URL", "redis+sentinel://a,b/main"),
            ("REDIS_URL", "redis+cluster://a,b"),
            ("ENCRYPTION_KEYS", DEVELOPMENT_ENCRYPTION_KEY),
            ("ENCRYPTION_KEYS", f"k1:{KEYS[0]},{DEVELOPMENT_ENCRYPTION_KEY}"),
            ("ENCRYPTION_KEYS", DEVELOPMENT_ENCRYPTION_KEY.replace("development", "k1")),
            ("BLIND_INDEX_KEYS", DEVELOPMENT_INDEX_KEY),
            ("BLIND_INDEX_KEYS", PRODUCTION["ENCRYPTION_KEYS"]),
            ("MAIL_PROVIDER", "console"),
            ("SMS_PROVIDER", "console"),
            ("SMTP_URL", "smtp://user:password@mail?starttls=off"),
            ("SMS_URL", "http://sms.example.com"),
            ("OUTBOUND_PRIVATE_NETWORKS", "0.0.0.0/1"),
        ],
    )
    def test_what_is_insecure_is_refused_by_name(self, variable: str, value: str) -> None:
        found = faults(**{**PRODUCTION, variable: value})
        assert [fault.partition(":")[0] for fault in found] == [variable]

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("DATABASE_URL", "postgresql://todo@db/todo?sslmode=require"),
            ("DATABASE_URL", "postgresql+asyncpg://todo@db,db2/todo?sslmode=verify-ca&application_name=x"),
            ("DATABASE_URL", "postgresql:///todo?host=/run/postgresql"),
            ("DATABASE_URL", "postgresql://todo@%2Frun%2Fpostgresql/todo"),
            ("REDIS_URL", "rediss://cache"),
            ("REDIS_URL", "rediss+cluster://a,b"),
            ("REDIS_URL", "unix:///run/valkey.sock"),
            ("REDIS_URL", ""),
        ],
    )
    def test_nobody_listens_to_sockets_or_tls(self, variable: str, value: str) -> None:
        assert load_settings(**{**PRODUCTION, variable: value}).is_production

    def test_cleartext_is_allowed_where_it_is_stated(self) -> None:
        clear = {**PRODUCTION, "DATABASE_URL": "postgresql://todo@db/todo", "REDIS_URL": "redis://cache"}
        assert load_settings(**clear, CLEARTEXT_CONNECTIONS="postgres,redis").is_production
        (found,) = faults(**clear, CLEARTEXT_CONNECTIONS="postgres")
        assert found.startswith("REDIS_URL: production wants TLS.")
        (found,) = faults(**clear, CLEARTEXT_CONNECTIONS="redis")
        assert found.startswith("DATABASE_URL: production wants an sslmode")
        assert faults(CLEARTEXT_CONNECTIONS="mysql")[0].startswith("CLEARTEXT_CONNECTIONS: ")

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
