"""What can be asked about todos. Nothing here writes; every answer is limited to what the caller may see."""

import dataclasses
import datetime as dt
from zoneinfo import ZoneInfo

import msgspec

from app.database.executor import Reader
from app.domain.errors import NotFound
from app.domain.ids import TeamId, TodoId
from app.domain.pages import NumberedPage, Page, PageRequest
from app.domain.todos import list_repository, repository, summary_repository
from app.domain.todos.filter import LAST_TRASHED_FIRST, SOONEST_FIRST, TodoFilter, TodoList
from app.domain.todos.todo import Todo, TodoReferences, TodoStats
from app.domain.users.caller import Caller

UPCOMING = dt.timedelta(days=7)


async def get(reader: Reader, caller: Caller, todo_id: TodoId) -> Todo:
    """One live todo. Raises NotFound. One statement."""
    todo = await repository.get(reader, caller.user_id, todo_id)
    if todo is None:
        raise NotFound("todo", todo_id)
    return todo


async def page(reader: Reader, todo_list: TodoList, request: PageRequest, *, with_total: bool = False) -> Page[Todo]:
    """One page of a list. Raises Invalid for an order that the filter cannot be walked in. One statement, or two."""
    todo_list.filter.check(todo_list.sort)
    found = await list_repository.page(reader, todo_list, request)
    if not with_total:
        return found
    return dataclasses.replace(found, total=await list_repository.count(reader, todo_list))


async def numbered(reader: Reader, todo_list: TodoList, number: int, size: int) -> NumberedPage[Todo]:
    """Page `number` (from 1) of a list, with the total. Two statements; the cost grows with the number."""
    todo_list.filter.check(todo_list.sort)
    return await list_repository.numbered(reader, todo_list, number, size)


def today(caller: Caller, moment: dt.datetime) -> dt.date:
    """The date that it is for the caller at `moment`."""
    return moment.astimezone(ZoneInfo(caller.timezone)).date()


def due_today(caller: Caller, moment: dt.datetime, base: TodoFilter) -> TodoList:
    """What is unfinished and due on the caller's present day."""
    day = today(caller, moment)
    return _unfinished(caller, base, due_from=day, due_before=day + dt.timedelta(days=1))


def upcoming(caller: Caller, moment: dt.datetime, base: TodoFilter) -> TodoList:
    """What is unfinished and due within the seven days after the caller's present day."""
    day = today(caller, moment)
    return _unfinished(caller, base, due_after=day, due_before=day + UPCOMING + dt.timedelta(days=1))


def overdue(caller: Caller, moment: dt.datetime, base: TodoFilter) -> TodoList:
    """What is unfinished and was due before the caller's present day."""
    return _unfinished(caller, base, due_before=today(caller, moment))


def trash(caller: Caller, base: TodoFilter) -> TodoList:
    """What is in the trash, latest first."""
    return TodoList(caller.user_id, msgspec.structs.replace(base, trashed=True), LAST_TRASHED_FIRST)


async def stats(reader: Reader, caller: Caller, moment: dt.datetime, team_id: TeamId | None = None) -> TodoStats:
    """Counts over what the caller sees, or over one team. One statement that reads all of it."""
    return await summary_repository.stats(reader, caller.user_id, team_id, today(caller, moment))


async def references(reader: Reader, caller: Caller, todos: list[Todo], wanted: frozenset[str]) -> TodoReferences:
    """What the todos point at: `project`, `assignee`, `tags`, as far as wanted. One statement for each kind."""
    return await summary_repository.references(reader, caller.user_id, todos, wanted)


def _unfinished(
    caller: Caller,
    base: TodoFilter,
    *,
    due_from: dt.date | None = None,
    due_after: dt.date | None = None,
    due_before: dt.date | None = None,
) -> TodoList:
    bounds = msgspec.structs.replace(
        base, unfinished_and_due=True, due_from=due_from, due_after=due_after, due_before=due_before
    )
    return TodoList(caller.user_id, bounds, SOONEST_FIRST)
