"""Random histories of two processes, a real database and a real Redis, in which everything goes wrong in any order.

Promised after each step: what is read is never older than an acknowledged write, unless that write's process crashed or
had no Redis before it told anybody; and once everything is mended and swept, every read is what the database says.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from itertools import count
from pathlib import Path
from typing import Any, Self

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from app.cache.announcing import LEFT_ALONE
from app.cache.layer import Cache
from app.cache.versions import PREFIX
from app.redis.pipeline import RedisUnavailable
from tests.cache.processes import Process, new_number, running, tag_of
from tests.redis.links import until_connected
from tests.redis_proxy import RedisProxy
from tests.valkey_servers import Valkey, until

NUMBERS = 3
# Of what takes longest, so many in one history.
RESTARTS = 2

indices = st.integers(0, NUMBERS - 1)
sides = st.integers(0, 1)


class World:
    """Two processes, each on a way of its own to one Redis; used by one history after the other."""

    def __init__(self, database_url: str, directory: Path, *, cache: type[Cache]) -> None:
        self._database_url = database_url
        self._cache = cache
        self.valkey = Valkey(directory)
        self._open = AsyncExitStack()
        self._runner = asyncio.Runner()
        self._values = count(1)
        self.ways: list[RedisProxy] = []
        self.processes: list[Process] = []
        self.numbers: list[int] = []
        self.written: dict[int, int | None] = {}
        # Numbers whose last write nobody has told to Redis yet.
        self.untold: set[int] = set()

    def run(self, work: Awaitable[Any]) -> Any:
        """The result of `work`, in the event loop of this world."""

        async def wait() -> Any:
            return await work

        return self._runner.run(wait())

    def __enter__(self) -> Self:
        self._open.enter_context(self.valkey)
        self.run(self._start())
        return self

    def __exit__(self, *_error: object) -> None:
        self.run(self._open.aclose())
        self._runner.close()

    async def _start(self) -> None:
        for _ in range(2):
            way = await self._open.enter_async_context(RedisProxy(self.valkey.url))
            process = Process(self._database_url, way.url, cache=self._cache)
            await self._open.enter_async_context(running(process))
            self.ways.append(way)
            self.processes.append(process)

    async def begin(self) -> None:
        """A new history, of numbers that nobody knows."""
        self.numbers = [new_number() for _ in range(NUMBERS)]
        self.written = dict.fromkeys(self.numbers)
        self.untold = set()

    async def write(self, side: int, number: int, *, crash: bool = False) -> None:
        process, value = self.processes[side], next(self._values)
        lost = process.cache.counts.lost_touches
        await (process.write_and_crash if crash else process.write)(number, value)
        self.written[number] = value
        if crash or process.cache.counts.lost_touches > lost:
            self.untold.add(number)
        else:
            self.untold.discard(number)

    async def read(self, side: int, number: int, *, then: Callable[[], Awaitable[Any]] | None = None) -> None:
        process = self.processes[side]
        promised, is_told = self.written[number], number not in self.untold
        value = await process.read(number, then=then)
        if is_told and then is None:
            assert value == promised, f"process {side} reads {value} after {promised} was acknowledged"

    async def cut(self, side: int) -> None:
        self.ways[side].cut()
        await until(lambda: self.processes[side].link.connected is None)

    async def mend(self, side: int) -> None:
        """Connects one process, which tells what was not told."""
        was_connected = self.processes[side].link.connected is not None
        self.ways[side].mend()
        await until_connected(self.processes[side].link)
        if not was_connected:
            self.untold.clear()

    async def restart(self) -> None:
        """Ends Redis and starts it with what was saved last."""
        self.valkey.kill()
        await until(lambda: all(process.link.connected is None for process in self.processes))
        self.valkey.start()
        for side, way in enumerate(self.ways):
            if not way.is_cut:
                await self.mend(side)

    async def forget_the_last_write(self, side: int, number: int) -> None:
        """Restarts Redis as it was when a value was cached, before another was written and told."""
        await self.read(side, number)
        if (connected := self.processes[side].link.connected) is not None:
            with suppress(RedisUnavailable):
                await connected.confirm()  # It has done what it was told until now.
        self.valkey.ask("SAVE")
        await self.write(side, number)
        await self.processes[side].announcer.forget_done()
        await self.restart()

    async def sweep(self, side: int) -> None:
        """Lets notes become old enough, and one process look for them."""
        process = self.processes[side]
        await process.announcer.forget_done()
        await process.let_notes_age(LEFT_ALONE)
        if process.link.connected is not None:
            with suppress(RedisUnavailable):
                await process.announcer.sweep()
                self.untold.clear()

    async def heal(self) -> None:
        """Mends and sweeps; then everything has to be as the database says."""
        for side in range(2):
            await self.mend(side)
        await self.sweep(0)
        for number in self.numbers:
            for side, process in enumerate(self.processes):
                value, truth = await process.read(number), await process.load(number)
                assert value == truth == self.written[number], f"healed, process {side} reads {value}, not {truth}"


class Histories(RuleBasedStateMachine):
    """The steps of a history in `world`, in any order."""

    world: World
    restarts_left = RESTARTS
    silences_left = 1

    def __init__(self) -> None:
        super().__init__()
        self.world.run(self.world.begin())

    @rule(side=sides, index=indices)
    def write(self, side: int, index: int) -> None:
        self.world.run(self.world.write(side, self.world.numbers[index]))

    @rule(side=sides, index=indices)
    def write_and_crash(self, side: int, index: int) -> None:
        self.world.run(self.world.write(side, self.world.numbers[index], crash=True))

    @rule(side=sides, index=indices)
    def read(self, side: int, index: int) -> None:
        self.world.run(self.world.read(side, self.world.numbers[index]))

    @rule(index=indices)
    def read_everywhere(self, index: int) -> None:
        for side in range(2):
            self.world.run(self.world.read(side, self.world.numbers[index]))

    @rule(reader=sides, writer=sides, index=indices)
    def read_while_it_is_written(self, reader: int, writer: int, index: int) -> None:
        number = self.world.numbers[index]
        self.world.run(self.world.read(reader, number, then=lambda: self.world.write(writer, number)))

    @rule(side=sides)
    def cut(self, side: int) -> None:
        self.world.run(self.world.cut(side))

    @precondition(lambda self: self.silences_left > 0)
    @rule(side=sides)
    def silence(self, side: int) -> None:
        self.silences_left -= 1
        self.world.ways[side].blackhole()

    @rule(side=sides)
    def mend(self, side: int) -> None:
        self.world.run(self.world.mend(side))

    @precondition(lambda self: self.restarts_left > 0)
    @rule()
    def restart(self) -> None:
        self.restarts_left -= 1
        self.world.run(self.world.restart())

    @precondition(lambda self: self.restarts_left > 0)
    @rule(side=sides, index=indices)
    def forget_the_last_write(self, side: int, index: int) -> None:
        self.restarts_left -= 1
        self.world.run(self.world.forget_the_last_write(side, self.world.numbers[index]))

    @rule()
    def save(self) -> None:
        self.world.valkey.ask("SAVE")

    @rule(side=sides)
    def sweep(self, side: int) -> None:
        self.world.run(self.world.sweep(side))

    @rule(index=indices)
    def lose_the_version(self, index: int) -> None:
        self.world.valkey.ask("DEL", PREFIX + tag_of(self.world.numbers[index]))

    @rule(side=sides)
    def forget_what_the_process_holds(self, side: int) -> None:
        self.world.processes[side].cache.bodies.clear()

    @rule(side=sides)
    def end_the_time_of_what_it_holds(self, side: int) -> None:
        for entry in self.world.processes[side].cache.bodies._entries.values():
            entry.expires_at = 0.0

    def teardown(self) -> None:
        self.world.run(self.world.heal())


def play(world: World, *, histories: int, steps: int, restarts: int = RESTARTS, is_control: bool = False) -> None:
    """Plays so many histories of so many steps. Raises AssertionError for a broken promise, with the shortest history.

    A control plays the same ones each time, and any history that breaks a promise is short enough.
    """
    run_state_machine_as_test(
        type("HistoriesHere", (Histories,), {"world": world, "restarts_left": restarts}),
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=is_control,
            phases=[Phase.generate] if is_control else [Phase.generate, Phase.shrink],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
