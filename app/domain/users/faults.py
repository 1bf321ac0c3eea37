"""Several rules, one answer: whoever sends three wrong fields learns of all three at once."""

from collections.abc import Callable
from typing import TypeVar

from app.domain.errors import FieldError, Invalid

T = TypeVar("T")


class Faults:
    """Gathers what rules refuse. Between `of` and `raise_any` the values may be unusable: do nothing with them."""

    def __init__(self) -> None:
        self._fields: list[FieldError] = []

    def of(self, rule: Callable[[T], T], value: T) -> T:
        """What `rule` makes of `value`; `value` itself if the rule raises Invalid, which is kept for later."""
        try:
            return rule(value)
        except Invalid as refused:
            self._fields.extend(refused.fields)
            return value

    def raise_any(self) -> None:
        """Raises one Invalid with every fault, if there were any."""
        if self._fields:
            detail = self._fields[0].detail if len(self._fields) == 1 else "The request breaks several rules."
            raise Invalid(detail, fields=tuple(self._fields))
