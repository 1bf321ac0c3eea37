"""The shapes of second factors."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from app.api.fields import EXAMPLE_MOMENT, RequestBody, described
from app.api.v1.auth_schemas import EXAMPLE_PASSWORD, KnownPassword
from app.domain.second_factors.factor import PHONE

FactorMethod = Literal["totp", "sms", "mail"]
SentMethod = Literal["sms", "mail"]

_EXAMPLE_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # noqa: S105 - an example in the documentation
_EXAMPLE_URI = f"otpauth://totp/Todo%20service:ann%40example.com?secret={_EXAMPLE_SECRET}&issuer=Todo%20service"
_EXAMPLE_CODES = ["mfrg-g2lt-ojuw-4zzb-orsx-g5ba", "orsx-g5ba-mzxw-623k-mfrg-g2lt"]

_password = described("Your password.", EXAMPLE_PASSWORD)
_recovery_codes = described(
    "Each is good once in the place of any other code. Keep them apart from your devices.", _EXAMPLE_CODES
)


class PasswordProof(RequestBody):
    """That it is you who sets a factor up."""

    password: KnownPassword = _password


class PhoneProof(RequestBody):
    """That it is you who sets a factor up, and the telephone that it is to be."""

    password: KnownPassword = _password
    phone_number: Annotated[str, Field(json_schema_extra={"pattern": PHONE})] = described(
        "With + and country code (E.164).", "+4915112345678"
    )


class Confirmation(RequestBody):
    """That you hold the factor."""

    code: Annotated[str, Field(min_length=6, max_length=6, pattern="^[0-9]{6}$")] = described(
        "What the application shows, or what was sent.", "492039"
    )


class Authenticator(TypedDict):
    """What to set an authenticator application up with. None of it is ever shown again."""

    secret: Annotated[str, described("For typing: 160 bits in base32.", _EXAMPLE_SECRET)]
    otpauth_uri: Annotated[str, described("For applications that open links.", _EXAMPLE_URI)]
    qr_svg: Annotated[
        str,
        described("The same as a QR code: an SVG image without scripts.", '<svg xmlns="http://www.w3.org/2000/svg"/>'),
    ]


class FactorLinks(TypedDict):
    """What you can do with it."""

    remove: Annotated[str, described("DELETE this to take it away.", "/api/v2/me/mfa/totp")]


class Factor(TypedDict):
    """A second factor that logins ask for."""

    method: Annotated[FactorMethod, described("What kind it is; you have at most one of each.", "totp")]
    to: Annotated[str | None, described("Where codes are sent, in part; null for an application.", None)]
    confirmed_at: Annotated[dt.datetime | None, described("Since when logins ask for it.", EXAMPLE_MOMENT)]
    last_used_at: Annotated[dt.datetime | None, described("When a code was accepted last.", EXAMPLE_MOMENT)]
    links: Annotated[FactorLinks, described("What you can do with it.", {"remove": "/api/v2/me/mfa/totp"})]


class ConfirmedFactor(TypedDict):
    """A factor that logins ask for from now on."""

    factor: Annotated[Factor, Field(description="The factor.")]
    recovery_codes: Annotated[
        list[str], described("Ten with the first factor, else none. Never shown again: print them.", _EXAMPLE_CODES)
    ]


class RecoveryCodes(TypedDict):
    """All your recovery codes. They are never shown again: print them."""

    recovery_codes: Annotated[list[str], _recovery_codes]


class MfaLinks(TypedDict):
    """Where to go from here; all take a POST."""

    totp: Annotated[str, described("Set an authenticator application up.", "/api/v2/me/mfa/totp")]
    sms: Annotated[str, described("Set codes by SMS up.", "/api/v2/me/mfa/sms")]
    mail: Annotated[str, described("Set codes by mail up.", "/api/v2/me/mfa/mail")]
    recovery_codes: Annotated[str, described("Make new recovery codes.", "/api/v2/me/mfa/recovery-codes")]


class Mfa(TypedDict):
    """Your second factors."""

    factors: Annotated[list[Factor], Field(description="Those that logins ask for, the oldest first.")]
    recovery_codes_left: Annotated[int, described("How many recovery codes are unused.", 10)]
    links: Annotated[MfaLinks, described("What you can do.", {"totp": "/api/v2/me/mfa/totp"})]
