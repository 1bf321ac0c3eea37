"""What seals the secrets of factors and recognises codes, built once from the settings and handed to every command."""

from dataclasses import dataclass

from app.domain.ids import FactorId
from app.domain.second_factors.codes import SentCodes
from app.domain.second_factors.factor import Factor, Method
from app.field_encryption import FieldCipher, Place
from app.setting_groups import OutboundSettings, SecuritySettings


@dataclass(frozen=True)
class FactorKeys:
    """The cipher of secrets and telephone numbers, the hashes of codes, and which factors this service offers."""

    cipher: FieldCipher
    codes: SentCodes
    offered: frozenset[Method]

    def seal(self, text: str, factor_id: FactorId) -> bytes:
        """A secret or a telephone number as it is stored with this factor, and with no other."""
        return self.cipher.encrypt(text, place=_place(factor_id))

    def opened(self, factor: Factor) -> str:
        """What was sealed with the factor; "" for one that has nothing sealed."""
        return "" if factor.sealed is None else self.cipher.decrypt(factor.sealed, place=_place(factor.id))


def factor_keys(security: SecuritySettings, outbound: OutboundSettings, cipher: FieldCipher) -> FactorKeys:
    """The keys of a service with these settings; it offers no codes on a channel that is off."""
    channels = {Method.SMS: outbound.sms_provider, Method.MAIL: outbound.mail_provider}
    offered = frozenset({Method.TOTP, *(method for method, provider in channels.items() if provider != "off")})
    return FactorKeys(cipher, SentCodes(security), offered)


def _place(factor_id: FactorId) -> Place:
    return Place("second_factors", "sealed", factor_id)
