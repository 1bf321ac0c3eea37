"""Which passwords people may choose: long ones that are not the first guesses. No composition rules.

Source: NIST SP 800-63B-4 §3.1.1.2. The list of common passwords is Royce Williams' as distributed with Django
(BSD-3-Clause; its head says more), cut to entries of at least 8 characters.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from itertools import pairwise

from app.domain.errors import Invalid, invalid
from app.domain.identity.passwords import normalised

MINIMUM = 15
MINIMUM_WITH_SECOND_FACTOR = 8
MAXIMUM = 256
SERVICE_NAME = "todo service"

# What a finger walks along without thinking: the alphabet, the digits, the rows and columns of keyboards.
_PATHS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    *("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn"),
    *("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik", "9ol", "1q2w3e4r5t6y7u8i9o0p"),
)
_STEPS = frozenset(step for path in _PATHS for a, b in pairwise(path) for step in ((a, b), (b, a)))
_LONG_RUN = 4
_TELLING_WORD = 3
_WORD = re.compile(r"[^\W_]+")
_FRAME = re.compile(r"^[\W\d_]+|[\W\d_]+$")


def checked(
    password: str, *, email: str, name: str, has_second_factor: bool = False, pointer: str = "#/password"
) -> str:
    """`password` itself. Raises Invalid about `pointer`, saying how to mend it, if it is among the first guesses."""
    minimum = MINIMUM_WITH_SECOND_FACTOR if has_second_factor else MINIMUM
    text = normalised(password)
    for code, rule in _faults(text, text.casefold(), minimum, (email, name, SERVICE_NAME)):
        raise invalid(pointer, code, f"{pointer.rpartition('/')[2]} {rule}.")
    return password


def needs_second_factor(password: str, *, email: str, name: str) -> bool:
    """True if only an account with a second factor may have this password."""
    try:
        checked(password, email=email, name=name)
    except Invalid:
        return True
    return False


def _faults(text: str, folded: str, minimum: int, personal: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if len(text) < minimum:
        yield "PASSWORD_TOO_SHORT", f"must have at least {minimum} characters; four unrelated words are a good start"
    if len(text) > MAXIMUM:
        yield "PASSWORD_TOO_LONG", f"must have at most {MAXIMUM} characters"
    if folded in _common() or _FRAME.sub("", folded) in _common():
        yield "PASSWORD_TOO_COMMON", "is one of the most common ones; choose one that nobody else has"
    if _period(folded) < minimum:
        yield "PASSWORD_REPEATS", "is a short text repeated; choose one that does not repeat itself"
    if _runs(folded) * _LONG_RUN <= len(folded):
        yield "PASSWORD_IS_A_SEQUENCE", "is made of sequences such as 1234 or qwer; choose unrelated words"
    if len(_without(_words(personal), folded)) < minimum // 2:
        yield "PASSWORD_IS_PERSONAL", "is made of your name, your address or the service's name; choose other words"


@cache
def _common() -> frozenset[str]:
    _, _, entries = files(__package__).joinpath("common_passwords.txt").read_text("utf-8").partition("\n\n")
    return frozenset(entries.rstrip("\n").split("\n"))


def _period(text: str) -> int:
    """The length of the shortest text that `text` repeats at least twice; the whole length if there is none."""
    return (text + text).find(text, 1)


def _runs(text: str) -> int:
    """Into how many runs `text` falls, of equal characters or of steps along a path."""
    return 1 + sum(a != b and (a, b) not in _STEPS for a, b in pairwise(text))


def _words(texts: Iterable[str]) -> list[str]:
    """The telling words in `texts`, longest first."""
    words = {word for text in texts for word in _WORD.findall(text.casefold()) if len(word) >= _TELLING_WORD}
    return sorted(words, key=len, reverse=True)


def _without(words: Iterable[str], text: str) -> str:
    """What is left of `text` when every occurrence of each word is taken out."""
    for word in words:
        text = text.replace(word, "")
    return text
