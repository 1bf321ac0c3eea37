"""One secret, many keys: each use of the service's secret has a key of its own, derived by HKDF (RFC 5869).

Who learns or breaks one derived key learns nothing about the secret or about the other keys.
"""

from typing import NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from app.setting_groups import SecuritySettings

KEY_BYTES = 32


class Keys(NamedTuple):
    """The keys of one use: `current` makes, `accepted` (current one first) recognise what was made before a change."""

    current: bytes
    accepted: tuple[bytes, ...]


def derive(secret: SecretStr, label: str) -> bytes:
    """The 32-byte key for the use that `label` names. The same secret and label always give the same key."""
    return derive_from(secret.get_secret_value().encode(), label)


def derive_from(secret: bytes, label: str) -> bytes:
    """As `derive`, from a secret that is bytes."""
    hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"todo-service {label}".encode())
    return hkdf.derive(secret)


def keys_for(security: SecuritySettings, label: str) -> Keys:
    """The keys for the use that `label` names, from SECRET_KEY and PREVIOUS_SECRET_KEYS."""
    secrets = (security.secret_key, *security.previous_secret_keys)
    accepted = tuple(derive(secret, label) for secret in secrets)
    return Keys(current=accepted[0], accepted=accepted)
