"""Codes that the service makes, and what is stored of them."""

from uuid import UUID

from app.domain.ids import FactorId, UserId
from app.domain.second_factors import codes
from app.domain.second_factors.codes import SentCodes
from app.settings import load_settings

ANN, BOB = UserId(UUID(int=1)), UserId(UUID(int=2))
ONE, TWO = FactorId(UUID(int=1)), FactorId(UUID(int=2))
SECURITY = load_settings(ENVIRONMENT="test").security
OTHER = load_settings(ENVIRONMENT="test", SECRET_KEY="o" * 40).security


class TestSentCodes:
    def test_they_have_six_digits_and_any_of_them(self):
        made = [SentCodes(SECURITY).new() for _ in range(500)]
        assert all(len(code) == 6 and code.isdigit() for code in made)
        assert any(code.startswith("0") for code in made)
        assert len(set(made)) > 490

    def test_a_hash_is_of_one_code_of_one_factor(self):
        sent = SentCodes(SECURITY)
        hashes = {sent.hash(factor, code) for factor in (ONE, TWO) for code in ("123456", "123457")}
        assert len(hashes) == 4
        assert sent.hash(ONE, "123456") == SentCodes(SECURITY).hash(ONE, "123456")

    def test_without_the_key_nobody_can_tell_which_code_it_is_of(self):
        assert SentCodes(SECURITY).hash(ONE, "123456") != SentCodes(OTHER).hash(ONE, "123456")


class TestRecoveryCodes:
    def test_there_are_ten_of_120_bits(self):
        made = codes.new_recovery_codes()
        assert len(set(made)) == 10
        assert {len(code.replace("-", "")) * 5 for code in made} == {120}

    def test_no_two_sets_share_one(self):
        assert not set(codes.new_recovery_codes()) & set(codes.new_recovery_codes())

    def test_spaces_hyphens_and_case_do_not_matter(self):
        (code, *_) = codes.new_recovery_codes()
        spellings = (code, code.upper(), code.replace("-", ""), code.replace("-", " "), f" {code}\n")
        assert len({codes.recovery_hash(ANN, spelling) for spelling in spellings}) == 1

    def test_equal_codes_of_two_people_look_different(self):
        (code, *_) = codes.new_recovery_codes()
        assert codes.recovery_hash(ANN, code) != codes.recovery_hash(BOB, code)
