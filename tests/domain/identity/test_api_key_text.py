"""What API keys look like."""

import re
import string

import pytest

from app.domain.identity import api_key_text
from app.telemetry.redaction import redact_text

# CRC-32 of the 52 characters is 0x39B0D43A, as `gzip` and zlib count it.
OF_ZEROS = "todo_pat_" + "0" * 43 + "13VAOg"


class TestFresh:
    def test_each_is_of_the_same_form(self) -> None:
        for _ in range(200):
            assert re.fullmatch("todo_pat_[0-9A-Za-z]{49}", api_key_text.fresh())

    def test_no_two_are_alike(self) -> None:
        assert len({api_key_text.fresh() for _ in range(1000)}) == 1000

    def test_all_256_bits_are_random(self) -> None:
        """The most significant digit of 2**256 in base 62 is one of a few, every other one takes every value."""
        digits = zip(*(api_key_text.fresh()[len("todo_pat_") : -6] for _ in range(3000)), strict=True)
        seen = [len(set(place)) for place in digits]
        assert len(seen) == 43
        assert seen[1:] == [62] * 42

    def test_it_is_well_formed(self) -> None:
        assert all(api_key_text.is_well_formed(api_key_text.fresh()) for _ in range(200))


class TestChecksum:
    def test_it_is_the_crc_of_all_that_stands_before_it(self) -> None:
        """In six digits of base 62, from the definition: digits, then upper case, then lower case."""
        assert api_key_text._base62(61, 2) == "0z"
        assert api_key_text._base62(62 * 10 + 35, 2) == "AZ"
        assert api_key_text.is_well_formed(OF_ZEROS)

    def test_every_slip_of_one_character_is_noticed(self) -> None:
        key = api_key_text.fresh()
        for place in range(len(key)):
            for other in string.ascii_letters + string.digits:
                slip = key[:place] + other + key[place + 1 :]
                assert api_key_text.is_well_formed(slip) == (slip == key)

    def test_every_exchange_of_neighbours_is_noticed(self) -> None:
        key = api_key_text.fresh()
        for place in range(len(key) - 1):
            slip = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
            assert api_key_text.is_well_formed(slip) == (slip == key)

    @pytest.mark.parametrize("text", ["", "todo_pat_", "todo_pat_" + "0" * 49, "ü" * 58, "todo_pat_" + "\ud800" * 49])
    def test_what_is_no_key_at_all_is_refused(self, text: str) -> None:
        assert not api_key_text.is_well_formed(text)
        assert len(api_key_text.fingerprint(text)) == 32


def test_logs_do_not_show_it() -> None:
    key = api_key_text.fresh()
    assert redact_text(f"tried {key}, then gave up") == "tried [redacted], then gave up"
