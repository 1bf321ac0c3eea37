"""Free text: normalised to NFC, refused where it would deceive or cannot be stored, otherwise left alone.

Plain text is never cleaned: `a < b && c > d` is stored and returned as it is; whoever shows it escapes it.
"""

import re
import unicodedata

# What is refused, as inside the brackets of a JSON schema's pattern. Lone surrogates are no characters there.
REFUSED_IN_LINE = "\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069"
REFUSED_IN_LINES = "\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069"
# What is not refused and yet cannot be seen, likewise; `strip` takes just these away.
BLANK_IN_LINE = " \\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000"
BLANK_IN_LINES = BLANK_IN_LINE + "\\t\\n\\r\\u2028\\u2029"

_NOT_SINGLE_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_NOT_MULTI_LINE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def single_line(value: str) -> str:
    """`value` in NFC. Raises ValueError on control characters, line breaks and bidirectional overrides."""
    return _checked(value, _NOT_SINGLE_LINE, "a control character, a line break or a bidirectional override")


def multi_line(value: str) -> str:
    """`value` in NFC; tab, line feed and carriage return may stand in it. Raises ValueError as `single_line`."""
    return _checked(value, _NOT_MULTI_LINE, "a control character or a bidirectional override")


def fold(value: str) -> str:
    """What two spellings of one name have in common: case folded, in NFC. For comparing, never for showing."""
    if value.isascii():
        return value.lower()
    # Folding can undo the normal form (U+01F0 becomes two characters), so it is made once more.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", value).casefold())


def _checked(value: str, refused: re.Pattern[str], what: str) -> str:
    if value.isascii():
        normal = value
    else:
        normal = value if unicodedata.is_normalized("NFC", value) else unicodedata.normalize("NFC", value)
    found = refused.search(normal)
    if found:
        raise ValueError(f"contains {what} (U+{ord(found.group()):04X} at position {found.start()}); remove it")
    return normal
