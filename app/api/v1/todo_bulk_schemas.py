"""The shapes of one change to many todos in version 1."""

from typing import Annotated, Literal, NotRequired
from uuid import UUID

from pydantic import AfterValidator, Field, RootModel
from typing_extensions import TypedDict

from app.api.fields import EXAMPLE_ID, RequestBody, described
from app.api.v1.todo_schemas import TodoPatch
from app.domain.todos.batch import BATCH_MAXIMUM


def _each_once(ids: list[UUID]) -> list[UUID]:
    if len(set(ids)) < len(ids):
        raise ValueError("must name each todo once")
    return ids


TodoIds = Annotated[
    list[UUID],
    Field(min_length=1, max_length=BATCH_MAXIMUM, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_each_once),
]
_todo_ids = described(f"1 to {BATCH_MAXIMUM} todos, each once.", [EXAMPLE_ID])


class BulkAction(RequestBody):
    """Does the same to each todo."""

    operation: Literal["complete", "reopen", "delete"] = described("What to do with each.", "complete")
    todo_ids: TodoIds = _todo_ids


class BulkUpdate(RequestBody):
    """Applies the same merge patch to each todo."""

    operation: Literal["update"] = described("What to do with each.", "update")
    todo_ids: TodoIds = _todo_ids
    data: TodoPatch = Field(description="The merge patch, as for PATCH.")


class BulkProcess(RootModel[Annotated[BulkAction | BulkUpdate, Field(discriminator="operation")]]):
    """One change to many todos."""


class BulkError(TypedDict):
    """Why a todo was not changed."""

    code: Annotated[str, described("What went wrong, for programs; never changes its meaning.", "NOT_FOUND")]
    message: Annotated[str, described("What went wrong, for people.", "There is no such todo.")]
    fields: NotRequired[
        Annotated[dict[str, str], described("What is wrong with each member.", {"project_id": "It is unknown."})]
    ]


class BulkResult(TypedDict):
    """What became of one todo."""

    todo_id: Annotated[UUID, described("The todo.", EXAMPLE_ID)]
    ok: Annotated[bool, described("Whether it is now as it should be.", True)]
    error: NotRequired[Annotated[BulkError, Field(description="Why not; only if `ok` is false.")]]


class BulkResults(TypedDict):
    """What became of each todo, in the order of `todo_ids`."""

    processed: Annotated[int, described("How many todos were named.", 2)]
    succeeded: Annotated[int, described("How many of them are now as they should be.", 2)]
    failed: Annotated[int, described("How many stayed as they were.", 0)]
    results: Annotated[list[BulkResult], Field(description="One result for each todo.")]
