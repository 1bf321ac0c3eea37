"""Sparse resources: only the members that `fields` names, for every list and resource that offers it."""

from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Field

from app.api.fields import CommaSeparated, QueryParameters
from app.domain.errors import invalid_parameter

T = TypeVar("T")


class SparseQuery(QueryParameters):
    """How much of each resource to show."""

    fields: Annotated[list[str], CommaSeparated, Field(max_length=40)] = Field(
        [], description="Only these members.", examples=[["name"]]
    )


def sparse(
    render: Callable[[T], Mapping[str, Any]], fields: Collection[str], members: Collection[str]
) -> Callable[[T], Mapping[str, Any]]:
    """`render`, cut down to `fields`; whole if there are none. Raises Invalid for a field that is none of `members`."""
    if not fields:
        return render
    if not set(fields) <= set(members):
        raise invalid_parameter("fields", "UNKNOWN_FIELD", f"fields takes only: {', '.join(members)}.")

    def cut(item: T) -> Mapping[str, Any]:
        whole = render(item)
        return {name: whole[name] for name in fields if name in whole}

    return cut
