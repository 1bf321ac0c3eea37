"""An erasure that has begun, and its steps: short transactions, each sure to be alone and to have something to do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.database.executor import Database, Transaction
from app.domain.erasure import repository
from app.domain.ids import UserId
from app.domain.unit_of_work import unit_of_work

Step = Callable[[Transaction, int], Awaitable[int]]
"""Takes at most so many rows, and says how many it took."""


@dataclass(frozen=True)
class UnderWay:
    """Whose erasure it is, and how many rows a step takes."""

    database: Database
    user_id: UserId
    subject_hash: bytes
    batch: int

    async def is_mine(self, work: Transaction) -> bool:
        """True if there is something left to do; until `work` ends nobody else does it. False: others have done it."""
        return await repository.lock(work, self.subject_hash)

    async def repeat(self, step: Step) -> None:
        """Runs a step, each time in a transaction of its own, until it finds less than it may take."""
        while True:
            async with unit_of_work(self.database) as work:
                if not await self.is_mine(work) or await step(work, self.batch) < self.batch:
                    return
