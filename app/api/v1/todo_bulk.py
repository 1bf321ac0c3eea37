"""One change to many todos in a request of version 1."""

from collections.abc import Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api import refusals
from app.api.charging import per_item
from app.api.dependencies import CurrentCaller, ServicesHere
from app.api.problems import older_error
from app.api.responses import document
from app.api.routing import ApiRoute
from app.api.v1 import todo_bulk_schemas as wire
from app.api.v1.todo_documents import changes_of
from app.domain.ids import TodoId
from app.domain.todos import batch

router = APIRouter(prefix="/todos", tags=["todos"], route_class=ApiRoute)

_ACTIONS: dict[str, Callable[[TodoId], batch.Operation]] = {
    "complete": batch.Complete,
    "reopen": batch.Reopen,
    "delete": batch.Delete,
}


@router.post("/bulk-process", response_model=wire.BulkResults, summary="Change many todos")
@per_item(lambda body: len(body.root.todo_ids))
async def bulk_process_todos(
    request: Request, body: wire.BulkProcess, caller: CurrentCaller, services: ServicesHere
) -> Response:
    """Completes, reopens, deletes or updates up to 100 todos, each by itself and in their order.

    A refusal does not stop the others: the status is 200 in any case, and `results` says which took effect.
    Reopening also works on todos that were cancelled in version 2.
    """
    change = body.root
    operations = [_operation(change, TodoId(todo_id)) for todo_id in change.todo_ids]
    outcomes = await batch.run_each(services.database, caller, operations)
    await refusals.record(request.scope, *(outcome.error for outcome in outcomes))
    results = [_result(TodoId(todo_id), outcome) for todo_id, outcome in zip(change.todo_ids, outcomes, strict=True)]
    succeeded = sum(result["ok"] for result in results)
    shown: wire.BulkResults = {
        "processed": len(results),
        "succeeded": succeeded,
        "failed": len(results) - succeeded,
        "results": results,
    }
    return document(shown)


def _operation(change: wire.BulkAction | wire.BulkUpdate, todo_id: TodoId) -> batch.Operation:
    if isinstance(change, wire.BulkUpdate):
        return batch.Update(todo_id, changes_of(change.data))
    return _ACTIONS[change.operation](todo_id)


def _result(todo_id: TodoId, outcome: batch.Outcome) -> wire.BulkResult:
    if outcome.error is None:
        return {"todo_id": todo_id, "ok": True}
    error = older_error(outcome.error)
    return {"todo_id": todo_id, "ok": False, "error": error}  # type: ignore[typeddict-item]  # BulkError describes it
