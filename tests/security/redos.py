"""Finds regular expressions that an input can make slow: attack strings made of the pattern itself, and how time grows.

A pattern is read as the engine reads it. Each of its repetitions is pumped up, and so is each character that it knows,
alone and in pairs; behind stands what it does not expect. What then takes time in the square of the length or worse is
told by the CPU time of this thread at growing lengths, never by a clock on the wall.
"""

import importlib
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any

PARSER: Any = importlib.import_module("re._parser")
CONSTANTS: Any = importlib.import_module("re._constants")
REPEATS = {CONSTANTS.MAX_REPEAT, CONSTANTS.MIN_REPEAT, CONSTANTS.POSSESSIVE_REPEAT}
MANY = 16
POISONS = ("", "\x00", "!", "\u00e9", "\n", "x")
LENGTHS = (1_000, 2_000, 4_000)
SHORT_LENGTHS = range(8, 40, 2)
EXPONENTIAL_SECONDS = 0.05
STEEP_SECONDS = 0.1
# The square of 4,000 takes ten times as long at least.
NEGLIGIBLE_SECONDS = 0.002
QUADRATIC_GROWTH = 3.0  # Twice the length takes twice as long where time is linear, four times where it is quadratic.

_CATEGORIES = {
    CONSTANTS.CATEGORY_DIGIT: "0",
    CONSTANTS.CATEGORY_NOT_DIGIT: "a",
    CONSTANTS.CATEGORY_SPACE: " ",
    CONSTANTS.CATEGORY_NOT_SPACE: "a",
    CONSTANTS.CATEGORY_WORD: "a",
    CONSTANTS.CATEGORY_NOT_WORD: "-",
}


@dataclass(frozen=True)
class Attack:
    """A text of any length: `pumped` again and again between what leads there and what does not belong there."""

    prefix: str
    pumped: str
    poison: str

    def text(self, length: int) -> str:
        """About `length` characters."""
        return self.prefix + self.pumped * max(1, length // len(self.pumped)) + self.poison


def attacks(pattern: str, flags: int) -> Iterator[Attack]:
    """What may make this pattern slow."""
    parsed = PARSER.parse(pattern, flags & ~re.DEBUG)
    letters = sorted(set(_letters(parsed)))
    pumps = [*_pumps(parsed, ""), *(("", letter) for letter in letters)]
    pumps += [("", "".join(pair)) for pair in permutations(letters[:8], 2)]
    for prefix, pumped in dict.fromkeys(pumps):
        if pumped:
            yield from (Attack(prefix, pumped, poison) for poison in POISONS)


def slowest(run: Callable[[Any], object], found: Iterable[Attack], *, is_bytes: bool = False) -> str | None:
    """How the pattern can be made slow; None if none of the attacks does."""
    for attack in found:
        fault = _growth(run, attack, is_bytes=is_bytes)
        if fault is not None:
            return f"{fault}: {attack.prefix!r} + {attack.pumped!r} * n + {attack.poison!r}"
    return None


def _growth(run: Callable[[Any], object], attack: Attack, *, is_bytes: bool) -> str | None:
    def seconds(length: int) -> float:
        text: Any = attack.text(length)
        if is_bytes:
            text = text.encode("latin-1", "replace")
        started = time.thread_time()
        run(text)
        return time.thread_time() - started

    if any(seconds(length) > EXPONENTIAL_SECONDS for length in SHORT_LENGTHS):
        return "exponential"
    if seconds(LENGTHS[0]) > STEEP_SECONDS:
        return "steep"
    if seconds(LENGTHS[-1]) < NEGLIGIBLE_SECONDS:
        return None
    # The least of several, since other work disturbs caches; CPU time itself does not count what others use.
    times = [min(seconds(length) for _ in range(3)) for length in LENGTHS]
    if times[1] > QUADRATIC_GROWTH * times[0] and times[2] > QUADRATIC_GROWTH * times[1]:
        return f"quadratic ({times[0]:.4f} s, {times[1]:.4f} s, {times[2]:.4f} s)"
    return None


def _sample(parsed: Any) -> str:
    """A text that this part of a pattern takes, as far as that can be said without its surroundings."""
    return "".join(_sample_of(op, value) for op, value in parsed)


def _sample_of(op: Any, value: Any) -> str:
    if op in REPEATS:
        least, most, inner = value
        return _sample(inner) * min(max(int(least), 1), int(most))
    make = _SAMPLES.get(op)
    return make(value) if make else ""


_SAMPLES: dict[Any, Callable[[Any], str]] = {
    CONSTANTS.LITERAL: chr,
    CONSTANTS.NOT_LITERAL: lambda value: "b" if value == ord("a") else "a",
    CONSTANTS.ANY: lambda _: "a",
    CONSTANTS.IN: lambda items: _member(items),  # noqa: PLW0108 - it is defined below
    CONSTANTS.BRANCH: lambda value: _sample(value[1][0]),
    CONSTANTS.SUBPATTERN: lambda value: _sample(value[3]),
    CONSTANTS.ATOMIC_GROUP: _sample,
}


def _member(items: Any) -> str:
    """A character of a class."""
    if items[0][0] is CONSTANTS.NEGATE:
        excluded = re.compile("".join(f"|{re.escape(_item(item))}" for item in items[1:])[1:] or "(?!)")
        return next((letter for letter in 'a0 -"' if not excluded.fullmatch(letter)), "~")
    return _item(items[0])


def _item(item: Any) -> str:
    op, value = item
    if op is CONSTANTS.RANGE:
        return chr(value[0])
    return _CATEGORIES[value] if op is CONSTANTS.CATEGORY else chr(value)


def _letters(parsed: Any) -> Iterator[str]:
    """One character for each literal and each class of a pattern."""
    for op, value in parsed:
        if op in {CONSTANTS.LITERAL, CONSTANTS.NOT_LITERAL, CONSTANTS.ANY}:
            yield _sample_of(op, value)
        elif op is CONSTANTS.IN:
            yield from (_item(item) for item in value if item[0] is not CONSTANTS.NEGATE)
            yield _member(value)
        else:
            for inner in _inner(op, value):
                yield from _letters(inner)


def _pumps(parsed: Any, prefix: str) -> Iterator[tuple[str, str]]:
    """What leads to each repetition of a pattern, and what it repeats."""
    for op, value in parsed:
        if op in REPEATS and value[1] >= MANY:
            yield prefix, _sample(value[2])
        for inner in _inner(op, value):
            yield from _pumps(inner, prefix)
        prefix += _sample_of(op, value)


def _inner(op: Any, value: Any) -> list[Any]:
    """The patterns inside a part of a pattern."""
    if op in REPEATS:
        return [value[2]]
    if op is CONSTANTS.BRANCH:
        return list(value[1])
    if op is CONSTANTS.SUBPATTERN:
        return [value[3]]
    if op in {CONSTANTS.ASSERT, CONSTANTS.ASSERT_NOT}:
        return [value[1]]
    return [value] if op is CONSTANTS.ATOMIC_GROUP else []
