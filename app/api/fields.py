"""Field types that the schemas of all versions share: text, dates, lists in a query; with rules and examples."""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PrivateAttr,
)
from pydantic_core import CoreSchema, core_schema

from app.domain import text

T = TypeVar("T")

EXAMPLE_ID = "0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a"
EXAMPLE_MOMENT = "2026-11-21T09:30:00Z"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


class RequestBody(BaseModel):
    """A JSON body: exact types, no member that is not declared."""

    model_config = ConfigDict(extra="forbid", strict=True)


class QueryParameters(BaseModel):
    """A query string: every value arrives as text; parameters that are not declared are refused.

    The same query is read once (see app.api.routing), so what follows from it alone can be made once, too.
    """

    model_config = ConfigDict(extra="forbid")
    _made: dict[str, Any] = PrivateAttr(default_factory=dict)

    def made_once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` makes of this query and nothing else; from the second time on, the same again."""
        # Not as `self._made`: pydantic takes 2 µs to find what is private (November 2026).
        made: dict[str, Any] = self.__pydantic_private__["_made"]  # type: ignore[index]  # there is one, by the line above
        if name not in made:
            made[name] = make()
        found: T = made[name]
        return found


@dataclass(frozen=True)
class FreeText:
    """Plain text of `minimum` to `maximum` characters after NFC; trimmed and on one line unless `lines`."""

    minimum: int
    maximum: int
    lines: bool = False
    refused: str = ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Checks after pydantic has made sure that it is a string."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The same rules for readers of the document."""
        characters = (text.REFUSED_IN_LINES if self.lines else text.REFUSED_IN_LINE) + self.refused
        blank = text.BLANK_IN_LINES if self.lines else text.BLANK_IN_LINE
        # Each character fits one place only: clients' engines try all ways to part a text, in the square of its length.
        visible = f"([^{characters}{blank}]|[{blank}]+[^{characters}{blank}])[^{characters}]*"
        return {
            **handler(schema),
            "minLength": self.minimum,
            "maxLength": self.maximum,
            "pattern": f"^{visible}$" if self.minimum else f"^[^{characters}]*$",
        }

    def _check(self, value: str) -> str:
        clean = text.multi_line(value) if self.lines else text.single_line(value).strip()
        if not self.minimum <= len(clean) <= self.maximum:
            raise ValueError(f"must have {self.minimum} to {self.maximum} characters, and has {len(clean)}")
        if any(character in clean for character in self.refused):
            raise ValueError(f"must not contain {self.refused}")
        return clean


def _comma_separated(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",")]
    if not all(parts):
        raise ValueError("must be values separated by single commas")
    return parts


def _date(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not _DATE.fullmatch(value):
        raise ValueError("must be a date such as 2026-12-01")
    return dt.date.fromisoformat(value)


def _moment(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not _MOMENT.fullmatch(value):
        raise ValueError("must be a time with its zone such as 2026-11-21T09:30:00Z")
    try:
        return dt.datetime.fromisoformat(value.upper()).astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("must be between the years 1 and 9999 in UTC") from None


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


CommaSeparated = BeforeValidator(_comma_separated)
# In JSON, 30.0 is the integer 30.
WholeNumber = BeforeValidator(_whole)
Date = Annotated[dt.date, BeforeValidator(_date), Field(examples=["2026-12-01"])]
Moment = Annotated[dt.datetime, BeforeValidator(_moment), Field(examples=[EXAMPLE_MOMENT])]

Title = Annotated[str, FreeText(1, 200)]
Description = Annotated[str, FreeText(0, 20_000, lines=True)]
TagName = Annotated[str, FreeText(1, 50, refused=",")]
SearchText = Annotated[str, FreeText(1, 200)]


def described(description: str, *examples: Any) -> Any:
    """Field metadata: what it means, and values that it may have."""
    return Field(description=description, examples=list(examples))
