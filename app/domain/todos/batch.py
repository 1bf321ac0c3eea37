"""Many changes in one call: all or nothing, or each by itself."""

from dataclasses import dataclass

from app.database.errors import DatabaseUnavailable
from app.database.executor import Database, Transaction
from app.domain.errors import DomainError
from app.domain.ids import ProjectId, TodoId
from app.domain.todos import repository
from app.domain.todos.commands import Versions, complete_in, create_in, delete_in, reopen_in, update_in
from app.domain.todos.todo import Todo, TodoChanges, TodoDraft
from app.domain.unit_of_work import repeated, unit_of_work
from app.domain.users.caller import Caller

BATCH_MAXIMUM = 100


@dataclass(frozen=True)
class Create:
    """Makes a todo."""

    draft: TodoDraft


@dataclass(frozen=True)
class Update:
    """Changes a todo."""

    todo_id: TodoId
    changes: TodoChanges
    expected: Versions = None


@dataclass(frozen=True)
class Complete:
    """Makes a todo done."""

    todo_id: TodoId
    expected: Versions = None


@dataclass(frozen=True)
class Reopen:
    """Makes a finished todo open."""

    todo_id: TodoId
    expected: Versions = None


@dataclass(frozen=True)
class Delete:
    """Moves a todo to the trash."""

    todo_id: TodoId
    expected: Versions = None


Operation = Create | Update | Complete | Reopen | Delete


@dataclass(frozen=True)
class Outcome:
    """What became of one operation: the todo (None for a deletion), or the reason why nothing changed."""

    todo: Todo | None = None
    error: DomainError | DatabaseUnavailable | None = None


class BatchRefused(Exception):
    """Operation `index` of an atomic batch was refused, so nothing was changed."""

    def __init__(self, index: int, error: DomainError) -> None:
        self.index = index
        self.error = error
        super().__init__(f"operation {index}: {error.detail}")


@repeated
async def run_atomically(database: Database, caller: Caller, operations: list[Operation]) -> list[Outcome]:
    """Runs all operations in their order in one unit of work. Raises BatchRefused for the first that is refused."""
    async with unit_of_work(database) as work:
        await _lock_in_order(work, caller, operations)
        outcomes = []
        for index, operation in enumerate(operations):
            try:
                outcomes.append(Outcome(await _run(work, caller, operation)))
            except DomainError as error:
                raise BatchRefused(index, error) from error
        return outcomes


async def run_each(database: Database, caller: Caller, operations: list[Operation]) -> list[Outcome]:
    """Runs each operation in a unit of work of its own, in their order; a refusal does not stop the others."""
    outcomes = []
    for operation in operations:
        try:
            outcomes.append(Outcome(await _run_alone(database, caller, operation)))
        except DomainError as error:
            outcomes.append(Outcome(error=error))
        except DatabaseUnavailable as error:
            # Whoever comes next would only wait as long; what has been done is reported.
            return [*outcomes, *[Outcome(error=error)] * (len(operations) - len(outcomes))]
    return outcomes


async def _lock_in_order(work: Transaction, caller: Caller, operations: list[Operation]) -> None:
    """Locks the projects, then the todos that the operations name, so that two batches wait for each other in line."""
    projects = {project_id for operation in operations if (project_id := _project_of(operation))}
    for project_id in sorted(projects):
        await repository.team_of_project(work, caller.user_id, project_id)
    existing = [operation.todo_id for operation in operations if not isinstance(operation, Create)]
    if existing:
        await repository.lock_many(work, caller.user_id, existing)


def _project_of(operation: Operation) -> ProjectId | None:
    match operation:
        case Create(draft):
            return draft.project_id
        case Update(_, changes):
            return changes.project_id or None
        case _:
            return None


@repeated
async def _run_alone(database: Database, caller: Caller, operation: Operation) -> Todo | None:
    async with unit_of_work(database) as work:
        return await _run(work, caller, operation)


async def _run(work: Transaction, caller: Caller, operation: Operation) -> Todo | None:
    match operation:
        case Create(draft):
            return await create_in(work, caller, draft)
        case Update(todo_id, changes, expected):
            return await update_in(work, caller, todo_id, changes, expected=expected)
        case Complete(todo_id, expected):
            return await complete_in(work, caller, todo_id, expected=expected)
        case Reopen(todo_id, expected):
            return await reopen_in(work, caller, todo_id, expected=expected)
        case Delete(todo_id, expected):
            await delete_in(work, caller, todo_id, expected=expected)
            return None
