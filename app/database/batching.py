"""Many questions, one statement: what concurrent tasks ask within one turn of the event loop is answered together.

Knows how to gather keys and hand out answers; refuses to know what is asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

Load = Callable[[list[K]], Awaitable[Mapping[K, V]]]


class Batcher(Generic[K, V]):
    """Answers `get` by calling `load` once for all keys that are asked for in the same turn of the event loop.

    `load` receives each key once, at most `max_size` of them, and leaves out of its answer what does not exist.
    """

    def __init__(self, load: Load[K, V], *, max_size: int = 100) -> None:
        self._load = load
        self._max_size = max_size
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def get(self, key: K) -> V | None:
        """The value of `key`, or None. Raises what `load` raised; a cancelled waiter takes nobody with it."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[V | None] = loop.create_future()
        if not self._waiting:
            # The batch belongs to nobody in particular, so it runs outside the context of the task that came first.
            loop.call_soon(self._start, context=Context())
        self._waiting.setdefault(key, []).append(answer)
        return await answer

    def _start(self) -> None:
        waiting, self._waiting = self._waiting, {}
        keys = list(waiting)
        for first in range(0, len(keys), self._max_size):
            batch = {key: waiting[key] for key in keys[first : first + self._max_size]}
            task = asyncio.get_running_loop().create_task(self._answer(batch))
            self._running.add(task)  # The event loop itself holds its tasks weakly.
            task.add_done_callback(self._running.discard)

    async def _answer(self, batch: dict[K, list["asyncio.Future[V | None]"]]) -> None:
        answers = [answer for group in batch.values() for answer in group]
        try:
            values = await self._load(list(batch))
        except asyncio.CancelledError:
            for answer in answers:
                answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - it is not swallowed: every waiter raises it
            for answer in answers:
                if not answer.done():
                    answer.set_exception(error)
            return
        for key, group in batch.items():
            value = values.get(key)
            for answer in group:
                if not answer.done():
                    answer.set_result(value)
