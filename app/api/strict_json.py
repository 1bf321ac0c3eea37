"""JSON as RFC 8259 and I-JSON (RFC 7493) mean it: one reading of every body, or none.

Knows what a body must not hold. Refuses to know what it is for. A refusal names the place and never echoes a value.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import quote

from app.domain.errors import DomainError, FieldError, Invalid, Malformed

MAX_DEPTH = 64
_INTEGER_CHARACTERS = 20  # As many as the longest of the allowed integers has, which is the least of them.
_INTEGER_MIN = -(2**63)
_INTEGER_MAX = 2**63 - 1
_POINTER_KEY_CHARACTERS = 64
_INFINITIES = (float("inf"), float("-inf"))

# Only an escape can bring a NUL or a surrogate into a decoded string: as bytes, JSON and UTF-8 refuse them.
_SUSPICIOUS_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_NUL_OR_SURROGATE = re.compile("[\x00\ud800-\udfff]")

_DETAILS = {
    "DUPLICATE_KEY": "The object has this key more than once.",
    "NOT_A_NUMBER": "NaN and Infinity are not JSON.",
    "INTEGER_OUT_OF_RANGE": "The integer does not fit into 64 bits.",
    "NUMBER_OUT_OF_RANGE": "The number is too large.",
    "NUL": "The text contains U+0000, which cannot be stored.",
    "LONE_SURROGATE": "The text contains half of a surrogate pair, which is not a character.",
}
_NOT_JSON = frozenset({"DUPLICATE_KEY", "NOT_A_NUMBER"})


def decode(body: bytes) -> object:
    """The value that `body` holds, as `json.loads` would give it.

    Raises Malformed if it is not JSON (not UTF-8, a byte order mark, NaN, a key twice) or deeper than 64 levels, and
    Invalid if it holds what cannot be kept: U+0000, half a surrogate pair, an integer beyond 64 bits, a float beyond
    what a double can hold.
    """
    if not body:
        raise Malformed("The body is empty; JSON was expected.", code="MALFORMED_JSON")
    text = _text(body)
    try:
        value: object = _QUICK.decode(text)
    except json.JSONDecodeError as error:
        raise _not_json(f"it breaks at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise _too_deep() from None
    except _Fault:
        raise (_first_fault(text) or _not_json("it cannot be read.")) from None
    # Without that many opening brackets nothing is too deep; with them it may still be flat.
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value)
    if _SUSPICIOUS_ESCAPE.search(body) and (fault := _first_fault(text)):
        raise fault
    return value


def _text(body: bytes) -> str:
    if body.startswith(b"\xef\xbb\xbf"):
        raise Malformed("The body begins with a byte order mark; send UTF-8 without one.", code="MALFORMED_JSON")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is not UTF-8 at byte {error.start}.", code="MALFORMED_JSON") from None


class _Fault(Exception):
    """The quick reading met something that the careful one will name."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Fault
    return value


def _integer(digits: str) -> int:
    if _fits(digits):
        return int(digits)
    raise _Fault


def _fits(digits: str) -> bool:
    # Counting comes first: int() takes time in the square of its digits, and refuses more than 4,300 of them.
    return len(digits) <= _INTEGER_CHARACTERS and _INTEGER_MIN <= int(digits) <= _INTEGER_MAX


def _float(digits: str) -> float:
    value = float(digits)
    if value in _INFINITIES:
        raise _Fault
    return value


def _constant(_: str) -> NoReturn:
    raise _Fault


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for node in level
            if type(node) is list or type(node) is dict
            for child in (node.values() if type(node) is dict else node)
        ]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> Malformed:
    return Malformed(f"The body is nested more than {MAX_DEPTH} levels deep.", code="JSON_TOO_DEEP")


def _not_json(why: str, *, fields: tuple[FieldError, ...] = ()) -> Malformed:
    return Malformed(f"The body is not JSON: {why}", code="MALFORMED_JSON", fields=fields)


@dataclass(frozen=True, slots=True)
class _Members:
    """An object as it was written: its keys in order, and as often as they stand there."""

    pairs: list[tuple[str, object]]


@dataclass(frozen=True, slots=True)
class _Unusable:
    """What stands where a number cannot be had."""

    code: str


def _first_fault(text: str) -> DomainError | None:
    """What is wrong with `text`, which the quick reading found to be suspect; None if it is innocent.

    Costs a second parse and a walk over the whole value. Only bodies that will be refused pay it, and those whose
    escapes may stand for a NUL or a surrogate.
    """
    try:
        value: object = _CAREFUL.decode(text)
        pointer, code = next(_faults(value, "#", MAX_DEPTH), ("", ""))
    except (json.JSONDecodeError, RecursionError):
        return _not_json("it cannot be read to its end.")
    if not code:
        return None
    if code == "JSON_TOO_DEEP":
        return _too_deep()
    fields = (FieldError(code=code, detail=_DETAILS[code], pointer=pointer),)
    return _not_json(_DETAILS[code], fields=fields) if code in _NOT_JSON else Invalid(_DETAILS[code], fields=fields)


def _faults(value: object, pointer: str, levels: int) -> Iterator[tuple[str, str]]:
    """Every fault in `value`, with its place, in the order of the document."""
    match value:
        case _Unusable():
            yield pointer, value.code
        case str():
            yield from _text_faults(value, pointer)
        case list() | _Members() if levels == 0:
            yield pointer, "JSON_TOO_DEEP"
        case list():
            for index, item in enumerate(value):
                yield from _faults(item, f"{pointer}/{index}", levels - 1)
        case _Members():
            seen = set[str]()
            for key, item in value.pairs:
                place = f"{pointer}/{_reference(key)}"
                if key in seen:
                    yield place, "DUPLICATE_KEY"
                seen.add(key)
                yield from _text_faults(key, place)
                yield from _faults(item, place, levels - 1)
        case _:
            pass


def _text_faults(text: str, pointer: str) -> Iterator[tuple[str, str]]:
    found = _NUL_OR_SURROGATE.search(text)
    if found:
        yield pointer, "NUL" if found.group() == "\x00" else "LONE_SURROGATE"


def _reference(key: str) -> str:
    """`key` as a reference token of a JSON pointer in a URI fragment (RFC 6901 §6), shortened if it is long."""
    token = key[:_POINTER_KEY_CHARACTERS].replace("~", "~0").replace("/", "~1")
    return quote(token, safe="~!$&'()*+,;=:@", errors="replace")


def _careful_integer(digits: str) -> object:
    return int(digits) if _fits(digits) else _Unusable("INTEGER_OUT_OF_RANGE")


def _careful_float(digits: str) -> object:
    value = float(digits)
    return _Unusable("NUMBER_OUT_OF_RANGE") if value in _INFINITIES else value


def _careful_constant(_: str) -> object:
    return _Unusable("NOT_A_NUMBER")


_QUICK = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant)
_CAREFUL = json.JSONDecoder(
    object_pairs_hook=_Members,
    parse_int=_careful_integer,
    parse_float=_careful_float,
    parse_constant=_careful_constant,
)
