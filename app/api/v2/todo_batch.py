"""Many changes to todos in one request of version 2."""

import dataclasses

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api import refusals
from app.api.charging import per_item
from app.api.conditional import expected_versions
from app.api.dependencies import CurrentCaller, ServicesHere
from app.api.problems import problem_document
from app.api.responses import document
from app.api.routing import ApiRoute
from app.api.v2 import todo_batch_schemas as wire
from app.api.v2.todo_documents import todo_document
from app.api.v2.todo_requests import changes_of, draft_of
from app.domain.errors import DomainError, FieldError
from app.domain.ids import TodoId
from app.domain.todos import batch

router = APIRouter(prefix="/todos", tags=["todos"], route_class=ApiRoute)


@router.post(
    "/batch",
    response_model=wire.BatchResults,
    responses={
        207: {"model": wire.BatchResults, "description": "Not atomic: each operation has its own status."},
        404: {},
        412: {},
    },
    summary="Change many todos",
)
@per_item(lambda body: len(body.operations))
async def batch_todos(
    request: Request, body: wire.TodoBatch, caller: CurrentCaller, services: ServicesHere
) -> Response:
    """Runs up to 100 operations in their order: create, update, complete, delete.

    Atomic (the default): all take effect or none does, and a refusal says which operation was refused. Otherwise each
    takes effect by itself and the answer is 207 with a status for each. A body that breaks the rules of its members,
    such as an operation without a title, is 422 either way, and nothing takes effect.
    """
    operations = [_operation(operation) for operation in body.operations]
    if body.atomic:
        try:
            outcomes = await batch.run_atomically(services.database, caller, operations)
        except batch.BatchRefused as refused:
            raise _located(refused) from refused
    else:
        outcomes = await batch.run_each(services.database, caller, operations)
        await refusals.record(request.scope, *(outcome.error for outcome in outcomes))
    results = [
        _result(request, index, operation, outcome)
        for index, (operation, outcome) in enumerate(zip(operations, outcomes, strict=True))
    ]
    return document({"results": results}, status=200 if body.atomic else 207)


def _operation(operation: wire.BatchOperation) -> batch.Operation:
    if isinstance(operation, wire.CreateOperation):
        return batch.Create(draft_of(operation.data))
    todo_id, expected = TodoId(operation.id), expected_versions(operation.if_match)
    if isinstance(operation, wire.UpdateOperation):
        return batch.Update(todo_id, changes_of(operation.data), expected)
    if isinstance(operation, wire.CompleteOperation):
        return batch.Complete(todo_id, expected)
    return batch.Delete(todo_id, expected)


def _result(request: Request, index: int, operation: batch.Operation, outcome: batch.Outcome) -> wire.BatchResult:
    if outcome.error is not None:
        status, problem = problem_document(request.scope, outcome.error)
        return {"index": index, "status": status, "problem": problem}  # type: ignore[typeddict-item]  # it has this shape
    if outcome.todo is None:
        return {"index": index, "status": 204}
    status = 201 if isinstance(operation, batch.Create) else 200
    todo = todo_document(outcome.todo)
    return {"index": index, "status": status, "todo": todo}  # type: ignore[typeddict-item]  # encoded, it has this shape


def _located(refused: batch.BatchRefused) -> DomainError:
    """The refusal of one operation, its faults pointing into the whole body."""
    error, index = refused.error, refused.index
    place = f"#/operations/{index}"
    fields = tuple(
        dataclasses.replace(field, pointer=f"{place}/data{(field.pointer or '#')[1:]}", parameter=None, index=index)
        for field in error.fields
    )
    error.fields = fields or (FieldError(error.code, error.detail, pointer=place, index=index),)
    error.detail = f"Operation {index} was refused, so nothing was changed: {error.detail}"
    return error
