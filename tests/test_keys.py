"""Keys derived from the service's secret."""

from pydantic import SecretStr

from app.keys import KEY_BYTES, derive, keys_for
from app.settings import load_settings

SECRET = SecretStr("a secret of the service of at least 32 bytes")
OLDER = "an older secret of the service that is long enough"


class TestDerive:
    def test_the_same_use_always_has_the_same_key(self) -> None:
        assert derive(SECRET, "cursors") == derive(SECRET, "cursors")
        assert len(derive(SECRET, "cursors")) == KEY_BYTES

    def test_two_uses_have_two_keys(self) -> None:
        assert derive(SECRET, "cursors") != derive(SECRET, "access-tokens")

    def test_no_key_is_the_secret(self) -> None:
        assert derive(SECRET, "cursors") not in SECRET.get_secret_value().encode()


class TestKeysFor:
    def test_keys_of_previous_secrets_are_still_accepted(self) -> None:
        security = load_settings(
            SECRET_KEY=SECRET.get_secret_value(), PREVIOUS_SECRET_KEYS=f"{OLDER},{OLDER[::-1]}"
        ).security
        keys = keys_for(security, "cursors")
        assert keys.current == derive(SECRET, "cursors")
        assert keys.accepted[0] == keys.current
        assert keys.accepted[1:] == (derive(SecretStr(OLDER), "cursors"), derive(SecretStr(OLDER[::-1]), "cursors"))
