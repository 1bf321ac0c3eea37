"""Tests of strict JSON: what is refused, with which error and where, and that nothing else is."""

import codecs
import json
import math
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.api.strict_json import MAX_DEPTH, decode
from app.domain.errors import Invalid, Malformed

INTEGERS = st.integers(min_value=-(2**63), max_value=2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | INTEGERS | FLOATS | TEXT,
    lambda children: st.lists(children, max_size=5) | st.dictionaries(TEXT, children, max_size=5),
    max_leaves=30,
)


def refused_as_malformed(body: bytes) -> Malformed:
    with pytest.raises(Malformed) as refusal:
        decode(body)
    return refusal.value


def refused_as_invalid(body: bytes) -> tuple[str | None, str]:
    with pytest.raises(Invalid) as refusal:
        decode(body)
    (field,) = refusal.value.fields
    return field.pointer, field.code


class TestAccepted:
    @given(VALUES, st.booleans())
    def test_every_value_comes_back_as_the_standard_library_reads_it(self, value: Any, ascii_only: bool):  # noqa: FBT001 - hypothesis passes arguments by position
        body = json.dumps(value, ensure_ascii=ascii_only).encode()
        assert decode(body) == json.loads(body) == value

    def test_the_64_bit_integers_at_both_ends(self):
        assert decode(b"[9223372036854775807, -9223372036854775808]") == [2**63 - 1, -(2**63)]

    def test_negative_zero_of_either_kind(self):
        integer, number = cast("list[float]", decode(b"[-0, -0.0]"))
        assert integer == 0
        assert math.copysign(1, number) == -1

    def test_a_number_that_is_too_small_is_zero(self):
        assert decode(b"1e-999") == 0.0

    def test_whitespace_around_the_value(self):
        assert decode(b" \t\r\n{} \t\r\n") == {}

    def test_an_escaped_surrogate_pair_is_one_character(self):
        assert decode(b'"\\ud83d\\ude00"') == "😀"

    def test_an_escaped_backslash_before_u0000_is_only_text(self):
        assert decode(rb'"\\u0000"') == "\\u0000"

    @pytest.mark.parametrize("opening", [b"[", b'{"a":'])
    def test_the_deepest_nesting_allowed(self, opening: bytes):
        closing = b"]" if opening == b"[" else b"}"
        # With more brackets in a text, so that their number alone does not settle it.
        assert decode(opening * (MAX_DEPTH - 1) + b'["[[[["]' + closing * (MAX_DEPTH - 1)) is not None

    def test_many_brackets_side_by_side_or_in_text_are_not_deep(self):
        assert decode(b"[" + b'{"a": "[[[["},' * 200 + b"0]") is not None


class TestMalformed:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b" ",
            b"{",
            b"{} {}",
            b"[1,]",
            b'{"a": 1,}',
            b"{'a': 1}",
            b"01",
            b"1.",
            b"+1",
            b"0x10",
            b"tru",
            b'"a\nb"',
            b'"a\x00b"',
            b'"\\x41"',
            b'"\\u12"',
            b"// a comment\n1",
            b"\xa01",
        ],
    )
    def test_what_is_not_json(self, body: bytes):
        assert refused_as_malformed(body).code == "MALFORMED_JSON"

    @pytest.mark.parametrize("body", [b"\xff", b'"\xc3\x28"', b'"\xed\xa0\x80"', b'"\xc0\x80"'])
    def test_what_is_not_utf_8(self, body: bytes):
        assert "UTF-8" in refused_as_malformed(body).detail

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
    def test_other_encodings_that_the_standard_library_would_detect(self, encoding: str):
        body = '{"title": "milk"}'.encode(encoding)
        assert json.loads(body)
        refused_as_malformed(body)

    def test_a_byte_order_mark(self):
        assert "byte order mark" in refused_as_malformed(codecs.BOM_UTF8 + b"{}").detail

    @pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"-Infinity"])
    def test_not_a_number_is_named_by_its_place(self, literal: bytes):
        (field,) = refused_as_malformed(b'{"a": [1, {"b": ' + literal + b"}]}").fields
        assert (field.pointer, field.code) == ("#/a/1/b", "NOT_A_NUMBER")

    def test_a_key_twice_is_named_by_its_place_and_not_its_value(self):
        refusal = refused_as_malformed(b'{"a": [{"b": "secret", "b": "secret"}]}')
        (field,) = refusal.fields
        assert (field.pointer, field.code) == ("#/a/0/b", "DUPLICATE_KEY")
        assert "secret" not in refusal.detail + field.detail

    def test_a_key_twice_in_two_spellings(self):
        (field,) = refused_as_malformed(b'{"a": 1, "\\u0061": 2}').fields
        assert field.pointer == "#/a"

    def test_the_same_key_in_two_objects_is_fine(self):
        assert decode(b'[{"a": 1}, {"a": {"a": 1}}]') == [{"a": 1}, {"a": {"a": 1}}]

    @pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 5_000, 100_000])
    @pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
    def test_too_deep(self, depth: int, opening: bytes, closing: bytes):
        assert refused_as_malformed(opening * depth + b"0" + closing * depth).code == "JSON_TOO_DEEP"

    def test_too_deep_and_never_closed(self):
        assert refused_as_malformed(b"[" * 100_000).code == "JSON_TOO_DEEP"

    def test_too_deep_behind_an_escape_that_needs_the_second_look(self):
        body = b'["\\ud83d\\ude00",' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"]"
        assert refused_as_malformed(body).code == "JSON_TOO_DEEP"

    def test_the_place_of_the_break_is_named_and_the_input_is_not(self):
        detail = refused_as_malformed(b'{"password":\n "hunter2" oops}').detail
        assert "line 2, column 12" in detail
        assert "hunter2" not in detail


class TestInvalid:
    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            (b'"\\u0000"', "#"),
            (b'{"title": "a\\u0000b"}', "#/title"),
            (b'{"a": {"x\\u0000": 1}}', "#/a/x%00"),
            (b'[1, ["\\\\\\u0000"]]', "#/1/0"),
        ],
    )
    def test_nul(self, body: bytes, pointer: str):
        assert refused_as_invalid(body) == (pointer, "NUL")

    @pytest.mark.parametrize(
        "text", [b"\\ud800", b"\\uDFFF", b"\\ud800\\ud800", b"\\udc00\\ud800", b"\\ud83dx\\ude00", b"\\\\\\ud83d"]
    )
    def test_half_a_surrogate_pair(self, text: bytes):
        assert refused_as_invalid(b'{"tags": ["fine", "' + text + b'"]}') == ("#/tags/1", "LONE_SURROGATE")

    def test_half_a_surrogate_pair_in_a_key(self):
        assert refused_as_invalid(b'{"\\ud800/~": 1}') == ("#/%3F~1~0", "LONE_SURROGATE")

    def test_a_long_key_is_shortened_in_the_pointer(self):
        pointer, _ = refused_as_invalid(b'{"' + b"k" * 10_000 + b'": "\\u0000"}')
        assert pointer == "#/" + "k" * 64

    @pytest.mark.parametrize(
        "number", [b"9223372036854775808", b"-9223372036854775809", b"1" * 21, b"-" + b"1" * 100_000]
    )
    def test_integers_beyond_64_bits(self, number: bytes):
        assert refused_as_invalid(b'{"position": ' + number + b"}") == ("#/position", "INTEGER_OUT_OF_RANGE")

    @pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1.0e309", b"1" * 400 + b".5"])
    def test_numbers_beyond_floats(self, number: bytes):
        assert refused_as_invalid(b"[0, " + number + b"]") == ("#/1", "NUMBER_OUT_OF_RANGE")

    def test_the_first_of_several_faults_is_named(self):
        assert refused_as_invalid(b'{"a": "\\u0000", "b": 1e999}') == ("#/a", "NUL")

    def test_a_body_that_breaks_after_the_fault_is_malformed(self):
        refused_as_malformed(b"[1e999, ")


JSON_WORDS = rb'{ } [ ] , : " "a" \ \u0000 \ud800 \udc00 1 - . e9 1e999 NaN Infinity true null 99999999999999999999'
JSON_PIECES = st.sampled_from([*JSON_WORDS.split(), b" ", b"\n", b"\x00", b"\xef\xbb\xbf", b"\xff", "é".encode()])


class TestAnything:
    @given(st.binary(max_size=200) | st.lists(JSON_PIECES, max_size=30).map(b"".join))
    @example(b'{"a":' * 2_000)
    @example(b"[NaN," + b"[" * 100_000)
    def test_whatever_comes_is_decoded_or_refused_and_what_is_decoded_can_be_stored(self, body: bytes):
        try:
            value = decode(body)
        except (Malformed, Invalid) as refusal:
            json.dumps([refusal.detail, *(vars(field) for field in refusal.fields)]).encode("ascii")
            return
        # Neither NUL nor surrogates, neither NaN nor infinities.
        assert "\\u0000" not in json.dumps(value, allow_nan=False).replace("\\\\", "")
        json.dumps(value, ensure_ascii=False).encode()
