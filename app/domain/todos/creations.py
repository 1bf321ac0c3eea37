"""Plain todos, created together: those that come in the same turn of the event loop, or while others are stored.

They share one statement, and the wait for the disk. Who cannot share asks alone, and is answered as if nobody else
had been there.
"""

import msgspec

from app.database.batching import Batcher
from app.database.errors import ConstraintViolated, DatabaseUnavailable
from app.database.executor import Database
from app.domain.todos import cache_tags, commands, creation_repository
from app.domain.todos.creation_repository import Creation
from app.domain.todos.todo import Todo, TodoDraft, clean_title
from app.domain.users.caller import Caller

# One statement at a time: what comes meanwhile shares the next one, and the next wait for the disk. With 16 clients
# that took 155 µs of CPU a request, two at a time 172, and without a bound 190 (November 2026).
MAX_RUNNING = 1
# Nothing was written, and perhaps only one of them was in the way of somebody.
_ONE_MAY_BE_TO_BLAME = frozenset({"DATABASE_CONTENTION", "DATABASE_TIMEOUT"})


class Creations:
    """Creates todos for many callers. Built once for the process; `commands.create` is the same for one alone.

    `window_seconds` is how long the first waits for others (0: one turn of the loop), `max_size` how many todos one
    statement stores at most.
    """

    def __init__(self, database: Database, *, window_seconds: float = 0.0, max_size: int = 100) -> None:
        self._database = database
        self._batcher = Batcher[Creation, Todo](
            self._store, window_seconds=window_seconds, max_size=max_size, max_running=MAX_RUNNING
        )

    async def create(self, caller: Caller, draft: TodoDraft) -> Todo:
        """As `commands.create`, and committed like it when this returns. Cancelled, the todo may still be stored."""
        team_id = draft.team_id or caller.personal_team_id
        # The uniqueness of an external id can make its transaction wait for another one; nobody else shall wait, too.
        # And only who sees a team's lists may make them stale, as a viewer who is refused does.
        if draft.is_plain and draft.external_id is None and team_id in caller.team_ids:
            draft = msgspec.structs.replace(draft, title=clean_title(draft.title))
            todo = await self._batcher.get(Creation(caller.user_id, team_id, draft))
            if todo is not None:
                return todo
        return await commands.create(self._database, caller, draft)

    async def _store(self, wanted: list[Creation]) -> dict[Creation, Todo]:
        """What could be stored together, committed. What is missing was refused or in somebody's way: it goes alone."""
        work = self._database.autocommit()
        work.touch(*cache_tags.of_lists({creation.team_id for creation in wanted}))
        try:
            return await creation_repository.insert_many(work, wanted)
        except ConstraintViolated:
            return {}
        except DatabaseUnavailable as error:
            if error.code in _ONE_MAY_BE_TO_BLAME:
                return {}
            raise
