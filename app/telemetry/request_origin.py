"""What the present work is done for: a request, a job of the worker, or a command that an operator typed.

Kept in the context of the task, so that whoever writes down where something came from need not be told by everybody
above. Knows no rule and trusts nobody: the address is the one that the middleware found.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID


class Cause(StrEnum):
    """Who set the work off."""

    REQUEST = "request"
    SYSTEM = "system"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where work comes from. `token_id` is the personal access token that the caller came with, if it was one."""

    cause: Cause
    request_id: str | None = None
    address: str | None = None
    token_id: UUID | None = None


_SYSTEM = Origin(Cause.SYSTEM)
_OPERATOR = Origin(Cause.OPERATOR)

# A request leaves its `scope["state"]`, which becomes an Origin only where somebody asks: most requests change nothing,
# and to set the variable costs 0.05 µs (Python 3.11, 2026-11-21).
_PRESENT: ContextVar[Mapping[str, Any] | Origin] = ContextVar("request_origin", default=_SYSTEM)

of_request = _PRESENT.set
"""From here on the task works for the request with this `scope["state"]`. The method itself: every request calls it."""


def of_operator() -> None:
    """From here on the task works for whoever typed the command."""
    _PRESENT.set(_OPERATOR)


def origin() -> Origin:
    """Where the present work comes from; the service itself, if nobody said so."""
    present = _PRESENT.get()
    if isinstance(present, Origin):
        return present
    return Origin(
        cause=Cause.REQUEST,
        request_id=present.get("request_id"),
        address=present.get("client_address"),
        token_id=present.get("token_id"),
    )
