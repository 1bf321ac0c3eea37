"""Single todos, read together: requests that ask for one in the same turn of the event loop share a statement."""

from app.database.batching import Batcher
from app.database.executor import Reader
from app.domain.errors import NotFound
from app.domain.ids import TodoId
from app.domain.todos import reading_repository, repository
from app.domain.todos.reading_repository import Asked
from app.domain.todos.todo import Todo
from app.domain.users.caller import Caller


class TodoReader:
    """Reads todos one by one for many callers. Built once for the process; a transaction asks `queries.get`.

    `window_seconds` is how long the first asker waits for others (0: one turn of the loop), `max_size` how many todos
    one statement reads at most.
    """

    def __init__(self, reader: Reader, *, window_seconds: float = 0.0, max_size: int = 100) -> None:
        async def read(asked: list[Asked]) -> dict[Asked, Todo]:
            if len(asked) > 1:
                return await reading_repository.get_many(reader, asked)
            [(caller_id, todo_id)] = asked
            todo = await repository.get(reader, caller_id, todo_id)
            return {} if todo is None else {(caller_id, todo_id): todo}

        self._todos = Batcher[Asked, Todo](read, window_seconds=window_seconds, max_size=max_size)

    async def get(self, caller: Caller, todo_id: TodoId) -> Todo:
        """One live todo that the caller may see. Raises NotFound. One statement, shared with whoever asks now."""
        todo = await self._todos.get((caller.user_id, todo_id))
        if todo is None:
            raise NotFound("todo", todo_id)
        return todo
