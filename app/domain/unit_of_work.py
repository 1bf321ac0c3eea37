"""One write, whole or not at all. The only place in the domain that opens a transaction, and so commits.

Whoever locks several things locks projects first, then tags, then todos, each in the order of their ids.
"""

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, ParamSpec, Protocol, TypeVar

from app.database.errors import ConstraintViolated, DatabaseUnavailable
from app.database.executor import Database, Transaction
from app.domain.errors import DomainError

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 3
ConstraintErrors = Mapping[str, Callable[[], DomainError]]


def unit_of_work(database: Database) -> AbstractAsyncContextManager[Transaction]:
    """Everything written inside is committed when the block ends, and undone if it raises.

    Costs one round trip for BEGIN and one for COMMIT. Raises DatabaseUnavailable.
    """
    return database.transaction()


class Step(Protocol):
    """A part of something long."""

    def __call__(self, work: Transaction, *, limit: int) -> Awaitable[int]:
        """Writes to at most `limit` rows; how many."""


async def in_batches(database: Database, step: Step, size: int) -> int:
    """Repeats a step, each time in a transaction of its own, until it finds less than `size` rows; how many in all."""
    total = 0
    while True:
        async with unit_of_work(database) as work:
            batch = await step(work, limit=size)
        total += batch
        if batch < size:
            return total


@contextmanager
def refusals(errors: ConstraintErrors) -> Iterator[None]:
    """Turns a violated constraint into the domain error listed under its name; others pass on as bugs."""
    try:
        yield
    except ConstraintViolated as violated:
        if violated.name not in errors:
            raise
        refusal = errors[violated.name]()
        raise refusal from violated


def repeated(command: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """The command, run again at most twice if another change got in its way: nothing was written then.

    For commands that are one unit of work. Raises what the last attempt raised.
    """

    @functools.wraps(command)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(ATTEMPTS - 1):
            try:
                return await command(*args, **kwargs)
            except DatabaseUnavailable as error:
                if error.code != "DATABASE_CONTENTION":
                    raise
            await asyncio.sleep(random.uniform(0.01, 0.05))  # noqa: S311 - it only keeps two writers apart
        return await command(*args, **kwargs)

    return run
