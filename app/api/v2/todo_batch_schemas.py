"""The shapes of a batch of changes to todos in version 2."""

from typing import Annotated, Literal, NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from app.api.conditional import ENTITY_TAGS
from app.api.fields import EXAMPLE_ID, RequestBody, described
from app.api.problem_schemas import Problem
from app.api.v2.todo_schemas import Todo, TodoCreate, TodoPatch
from app.domain.todos.batch import BATCH_MAXIMUM

_id = described("The todo to change.", EXAMPLE_ID)
EntityTags = Annotated[str, Field(max_length=1000, pattern=ENTITY_TAGS)]
_if_match_text = "Take effect only if the todo still has this entity tag, as If-Match does."


class CreateOperation(RequestBody):
    """Makes a todo."""

    op: Literal["create"] = described("What to do.", "create")
    data: TodoCreate = Field(description="The new todo.")


class UpdateOperation(RequestBody):
    """Applies a merge patch to a todo."""

    op: Literal["update"] = described("What to do.", "update")
    id: UUID = _id
    if_match: EntityTags | None = Field(None, description=_if_match_text, examples=['"3-member"'])
    data: TodoPatch = Field(description="The merge patch.")


class CompleteOperation(RequestBody):
    """Makes a todo done."""

    op: Literal["complete"] = described("What to do.", "complete")
    id: UUID = _id
    if_match: EntityTags | None = Field(None, description=_if_match_text, examples=['"3-member"'])


class DeleteOperation(RequestBody):
    """Moves a todo to the trash."""

    op: Literal["delete"] = described("What to do.", "delete")
    id: UUID = _id
    if_match: EntityTags | None = Field(None, description=_if_match_text, examples=['"3-member"'])


BatchOperation = Annotated[
    CreateOperation | UpdateOperation | CompleteOperation | DeleteOperation, Field(discriminator="op")
]


class TodoBatch(RequestBody):
    """Operations in the order in which they run."""

    operations: Annotated[list[BatchOperation], Field(min_length=1, max_length=BATCH_MAXIMUM)] = Field(
        description=f"1 to {BATCH_MAXIMUM} operations.", examples=[[{"op": "create", "data": {"title": "Buy milk"}}]]
    )
    atomic: bool = Field(
        True, description="true: all or nothing. false: each by itself, and the answer is 207.", examples=[True]
    )


class BatchResult(TypedDict):
    """What became of one operation."""

    index: Annotated[int, described("Its place in `operations`, from 0.", 0)]
    status: Annotated[int, described("The status that it would have had alone.", 201)]
    todo: NotRequired[Annotated[Todo, Field(description="The todo after the operation; absent after a deletion.")]]
    problem: NotRequired[Annotated[Problem, Field(description="Why nothing changed.")]]


class BatchResults(TypedDict):
    """What became of each operation, in their order."""

    results: Annotated[list[BatchResult], Field(description="One result for each operation.")]
