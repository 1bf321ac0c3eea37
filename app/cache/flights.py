"""Single flight: of those who want the same thing at the same time one loads it, and the others get what it got."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """Loads under way, by key. A key must say everything that the result depends on, versions of tags included.

    Otherwise somebody who has just written could be handed what was read before.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, asyncio.Future[T]] = {}

    async def run(self, key: Hashable, load: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """What `load` returns, and whether somebody else had called it. Raises what it raises.

        A cancelled leader fails nobody: the next in line loads.
        """
        while True:
            flight = self._flights.get(key)
            if flight is None:
                return await self._lead(key, load), False
            await asyncio.wait((flight,))
            if not flight.cancelled():
                return flight.result(), True

    async def _lead(self, key: Hashable, load: Callable[[], Awaitable[T]]) -> T:
        flight: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._flights[key] = flight
        try:
            result = await load()
        except asyncio.CancelledError:
            del self._flights[key]
            flight.cancel()
            raise
        except Exception as error:
            del self._flights[key]
            flight.set_exception(error)
            flight.exception()  # Perhaps nobody else waits, and then it must not be reported as overlooked.
            raise
        del self._flights[key]
        flight.set_result(result)
        return result
