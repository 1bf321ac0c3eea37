"""Codes of authenticator applications, against the vectors of RFC 6238 and at the edges of what is accepted."""

import base64
import hmac
import re
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest

from app.domain.second_factors import totp

# RFC 6238 Appendix B, SHA-1: seconds, and the code of eight digits, of which the last six are the code of six.
VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]
RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()
NOW = 1_800_000_010
STEP = NOW // 30


@pytest.fixture
def secret() -> str:
    return totp.secret()


class TestVectors:
    @pytest.mark.parametrize(("seconds", "code"), VECTORS)
    def test_each_gives_its_code(self, seconds: int, code: str):
        assert totp.code_at(RFC_SECRET, seconds // 30) == code[-6:]

    @pytest.mark.parametrize(("seconds", "code"), VECTORS)
    def test_each_code_is_found_at_its_time(self, seconds: int, code: str):
        assert totp.matching_step(RFC_SECRET, code[-6:], now=seconds, after=None) == seconds // 30


class TestSecret:
    def test_it_has_160_random_bits(self):
        secrets = {totp.secret() for _ in range(50)}
        assert len(secrets) == 50
        assert {len(base64.b32decode(secret)) * 8 for secret in secrets} == {160}


class TestMatchingStep:
    @pytest.mark.parametrize("drift", [-1, 0, 1])
    def test_one_step_of_drift_each_way_is_taken(self, secret: str, drift: int):
        code = totp.code_at(secret, STEP + drift)
        assert totp.matching_step(secret, code, now=NOW, after=None) == STEP + drift

    @pytest.mark.parametrize("drift", [-3, -2, 2, 3])
    def test_two_are_not(self, drift: int):
        # A secret whose codes around the present all differ, since one in a million pairs of steps shares a code.
        secret = next(
            made
            for made in iter(totp.secret, "")
            if len({totp.code_at(made, STEP + offset) for offset in range(-3, 4)}) == 7
        )
        assert totp.matching_step(secret, totp.code_at(secret, STEP + drift), now=NOW, after=None) is None

    @pytest.mark.parametrize("after", [STEP, STEP + 1, STEP + 100])
    def test_what_is_not_later_than_the_last_is_not(self, after: int):
        assert totp.matching_step(RFC_SECRET, totp.code_at(RFC_SECRET, STEP), now=NOW, after=after) is None

    def test_what_is_later_than_the_last_is(self, secret: str):
        assert totp.matching_step(secret, totp.code_at(secret, STEP), now=NOW, after=STEP - 1) == STEP

    @pytest.mark.parametrize("code", ["", "1", "0000000", "abcdef", "１２３４５６", "12345\n"])
    def test_what_is_no_code_is_not(self, secret: str, code: str):
        assert totp.matching_step(secret, code, now=NOW, after=None) is None

    def test_every_code_is_compared_with_every_step(self, secret: str, monkeypatch: pytest.MonkeyPatch):
        """A right one is found as late as a wrong one, so time tells nothing."""
        compared: list[bytes] = []
        original = hmac.compare_digest

        def compare(left: bytes, right: bytes) -> bool:
            compared.append(left)
            return original(left, right)

        monkeypatch.setattr(hmac, "compare_digest", compare)
        for drift in (-1, 0, 1, 5):
            totp.matching_step(secret, totp.code_at(secret, STEP + drift), now=NOW, after=None)
        assert len(compared) == 4 * 3


class TestUri:
    def test_it_names_service_and_account(self, secret: str):
        parts = urlsplit(totp.uri(secret, account="ann+todo@example.com"))
        query = parse_qs(parts.query, strict_parsing=True)
        assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
        assert unquote(parts.path) == "/Todo service:ann+todo@example.com"
        assert query == {"secret": [secret], "issuer": ["Todo service"]}


class TestQrSvg:
    def test_it_is_an_image_and_nothing_else(self, secret: str):
        root = ET.fromstring(totp.qr_svg(totp.uri(secret, account="ann@example.com")))  # noqa: S314 - our own
        names = {element.tag.rpartition("}")[2] for element in root.iter()}
        attributes = {name for element in root.iter() for name in element.attrib}
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert names == {"svg", "g", "path"}
        assert attributes <= {"width", "height", "transform", "fill", "stroke", "d"}

    def test_it_holds_nothing_but_squares_of_the_text(self, secret: str):
        """Neither the secret nor the account can be read as text, and another text is another picture."""
        one, other = (totp.qr_svg(totp.uri(secret, account=f"{name}@example.com")) for name in ("ann", "bob"))
        assert secret not in one
        assert not re.search("ann|script|href|style|onload", one, re.IGNORECASE)
        assert one != other
