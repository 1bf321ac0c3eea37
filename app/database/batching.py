"""Many questions, one statement: what concurrent tasks ask within one turn of the event loop is answered together.

Knows how to gather keys and hand out answers; refuses to know what is asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context
from itertools import islice
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

# Longer than what a load takes that waits for nobody.
PATIENCE_SECONDS = 0.05

Load = Callable[[list[K]], Awaitable[Mapping[K, V]]]


class Batcher(Generic[K, V]):
    """Answers `get` by calling `load` once for all keys that are asked for within `window_seconds` of the first.

    0 is one turn of the event loop: nobody waits for company, and yet what came together is answered together. The
    key that makes `max_size` starts the batch at once. `load` receives each key once, and leaves out of its answer
    what does not exist; what nobody waits for any more is not asked.

    While `max_running` batches run, the next one gathers until one of them is done: a load that takes its time makes
    larger batches instead of more of them. One that takes longer than PATIENCE_SECONDS holds nobody up any more.
    """

    def __init__(
        self, load: Load[K, V], *, window_seconds: float = 0.0, max_size: int = 100, max_running: int | None = None
    ) -> None:
        self._load = load
        self._window_seconds = window_seconds
        self._max_size = max_size
        self._max_running = max_running
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}
        self._start_later: asyncio.Handle | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._places: dict[asyncio.Task[None], asyncio.TimerHandle] = {}

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
        self._start_later = None
        while self._waiting and (self._max_running is None or len(self._places) < self._max_running):
            keys = list(islice(self._waiting, self._max_size))
            waiting = {key: self._waiting.pop(key) for key in keys}
            batch = {key: group for key, group in waiting.items() if not all(answer.done() for answer in group)}
            if batch:
                self._run(batch)

    def _run(self, batch: "dict[K, list[asyncio.Future[V | None]]]") -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._answer(batch), context=Context())
        self._running.add(task)  # The event loop itself holds its tasks weakly.
        task.add_done_callback(self._end, context=Context())
        if self._max_running is not None:
            self._places[task] = loop.call_later(PATIENCE_SECONDS, self._leave, task, context=Context())

    def _end(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        if task in self._places:
            self._places[task].cancel()
            self._leave(task)

    def _leave(self, task: "asyncio.Task[None]") -> None:
        """The task's place is free, whether or not it is done; those who waited for one begin."""
        del self._places[task]
        if self._start_later is None:
            self._start()

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
