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
    """Answers `get` by calling `load` once for all keys that are asked for within `window_seconds` of the first.

    0 is one turn of the event loop: nobody waits for company, and yet what came together is answered together. The
    key that makes `max_size` starts the batch at once. `load` receives each key once, and leaves out of its answer
    what does not exist; what nobody waits for any more is not asked.
    """

    def __init__(self, load: Load[K, V], *, window_seconds: float = 0.0, max_size: int = 100) -> None:
        self._load = load
        self._window_seconds = window_seconds
        self._max_size = max_size
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}
        self._start_later: asyncio.Handle | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def get(self, key: K) -> V | None:
        """The value of `key`, or None. Raises what `load` raised; a cancelled waiter takes nobody with it."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[V | None] = loop.create_future()
        if not self._waiting:
            # The batch belongs to nobody in particular, so it runs outside the context of the task that came first.
            if self._window_seconds > 0:
                self._start_later = loop.call_later(self._window_seconds, self._start, context=Context())
            else:
                self._start_later = loop.call_soon(self._start, context=Context())
        self._waiting.setdefault(key, []).append(answer)
        if len(self._waiting) >= self._max_size and self._start_later is not None:
            self._start_later.cancel()
            self._start()
        return await answer

    def _start(self) -> None:
        waiting, self._waiting, self._start_later = self._waiting, {}, None
        batch = {key: group for key, group in waiting.items() if not all(answer.done() for answer in group)}
        if batch:
            task = asyncio.get_running_loop().create_task(self._answer(batch), context=Context())
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
