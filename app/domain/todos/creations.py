"""Plain todos, created together: requests that create one in the same turn of the event loop share a transaction.

So they share a round trip and the wait for the disk. Who cannot share asks alone, and is answered as if nobody else
had been there.
"""

import msgspec

from app.database.batching import Batcher
from app.database.errors import ConstraintViolated, DatabaseUnavailable
from app.database.executor import Database
from app.domain.todos import cache_tags, commands, creation_repository
from app.domain.todos.creation_repository import Creation
from app.domain.todos.todo import Todo, TodoDraft, clean_title
from app.domain.unit_of_work import unit_of_work
from app.domain.users.caller import Caller

# Nothing was written, and perhaps only one of them was in the way of somebody.
_ONE_MAY_BE_TO_BLAME = frozenset({"DATABASE_CONTENTION", "DATABASE_TIMEOUT"})


class Creations:
    """Creates todos for many callers. Built once for the process; `commands.create` is the same for one alone.

    `window_seconds` is how long the first waits for others (0: one turn of the loop), `max_size` how many todos one
    statement stores at most.
    """

    def __init__(self, database: Database, *, window_seconds: float = 0.0, max_size: int = 100) -> None:
        self._database = database
        self._batcher = Batcher[Creation, Todo](self._store, window_seconds=window_seconds, max_size=max_size)

    async def create(self, caller: Caller, draft: TodoDraft) -> Todo:
        """As `commands.create`, and committed like it when this returns. Cancelled, the todo may still be stored."""
        # The uniqueness of an external id can make its transaction wait for another one; nobody else shall wait, too.
        if draft.is_plain and draft.external_id is None:
            draft = msgspec.structs.replace(draft, title=clean_title(draft.title))
            wanted = Creation(caller.user_id, draft.team_id or caller.personal_team_id, draft)
            todo = await self._batcher.get(wanted)
            if todo is not None:
                return todo
        return await commands.create(self._database, caller, draft)

    async def _store(self, wanted: list[Creation]) -> dict[Creation, Todo]:
        """What could be stored together, committed. What is missing was refused or in somebody's way: it goes alone."""
        if len(wanted) == 1:
            return {}
        try:
            async with unit_of_work(self._database) as work:
                stored = await creation_repository.insert_many(work, wanted)
                work.touch(*cache_tags.of_lists({todo.team_id for todo in stored.values()}))
        except ConstraintViolated:
            return {}
        except DatabaseUnavailable as error:
            if error.code in _ONE_MAY_BE_TO_BLAME:
                return {}
            raise
        return stored
