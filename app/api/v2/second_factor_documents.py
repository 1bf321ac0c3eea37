"""Second factors as version 2 shows them."""

from app.api.v2 import second_factor_schemas as wire
from app.domain.identity.enrolment import Authenticator, Confirmed
from app.domain.identity.queries import SecondFactors, ShownFactor
from app.domain.second_factors import totp

ROOT = "/api/v2/me/mfa"
_LINKS: wire.MfaLinks = {
    "totp": f"{ROOT}/totp",
    "sms": f"{ROOT}/sms",
    "mail": f"{ROOT}/mail",
    "recovery_codes": f"{ROOT}/recovery-codes",
}


def factor_document(factor: ShownFactor) -> wire.Factor:
    """One factor, without what is secret about it."""
    return {
        "method": factor.method.value,  # type: ignore[typeddict-item]  # recovery codes are no factor
        "to": factor.to,
        "confirmed_at": factor.confirmed_at,
        "last_used_at": factor.last_used_at,
        "links": {"remove": f"{ROOT}/{factor.method}"},
    }


def mfa_document(mine: SecondFactors) -> wire.Mfa:
    """All of the caller's factors."""
    return {
        "factors": [factor_document(factor) for factor in mine.factors],
        "recovery_codes_left": mine.recovery_codes_left,
        "links": _LINKS,
    }


def authenticator_document(made: Authenticator) -> wire.Authenticator:
    """What an authenticator application is set up with."""
    return {"secret": made.secret, "otpauth_uri": made.uri, "qr_svg": totp.qr_svg(made.uri)}


def confirmed_document(confirmed: Confirmed) -> wire.ConfirmedFactor:
    """A factor that has just been confirmed, and what came with it."""
    return {"factor": factor_document(confirmed.factor), "recovery_codes": confirmed.recovery_codes}
