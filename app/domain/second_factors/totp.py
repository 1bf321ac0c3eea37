"""Codes of authenticator applications: six digits for every thirty seconds (RFC 6238, with SHA-1, which all know).

Knows secrets and time steps; refuses to know which steps were accepted before: the repository compares and swaps.
"""

import hmac
import io

import pyotp
import segno

SECRET_CHARACTERS = 32  # of base32: 160 bits, as long as SHA-1's output (RFC 4226 §4)
STEP_SECONDS = 30
DRIFT_STEPS = 1  # each way, for a telephone whose clock is up to a minute off
ISSUER = "Todo service"


def secret() -> str:
    """A new secret in base32."""
    return pyotp.random_base32(SECRET_CHARACTERS)


def code_at(secret: str, step: int) -> str:
    """The code of one time step."""
    return pyotp.TOTP(secret).generate_otp(step)


def matching_step(secret: str, code: str, *, now: float, after: int | None) -> int | None:
    """The time step that `code` belongs to, later than `after` and at most one off from `now`; None if there is none.

    Takes equally long for every code. Source: RFC 6238 §5.2.
    """
    present = int(now) // STEP_SECONDS
    found = None
    for step in range(present - DRIFT_STEPS, present + DRIFT_STEPS + 1):
        is_equal = hmac.compare_digest(code_at(secret, step).encode(), code.encode())
        if is_equal and found is None and (after is None or step > after):
            found = step
    return found


def uri(secret: str, *, account: str) -> str:
    """What an authenticator application is set up with; `account` is what it shows besides the service's name."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=ISSUER)


def qr_svg(text: str) -> str:
    """`text` as a QR code: an SVG image of two paths, without scripts, styles and references."""
    image = io.BytesIO()
    segno.make_qr(text, error="m").save(
        image, kind="svg", xmldecl=False, nl=False, scale=4, light="#fff", svgclass=None, lineclass=None
    )
    return image.getvalue().decode()
