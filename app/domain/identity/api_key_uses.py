"""When and from where API keys were last used: noted by requests at no cost, written down by one task for all of them.

What is noted may be lost with the process, and a request never is: nobody waits for this, and its failures are its own.
"""

import asyncio
import time

from app.database.errors import DatabaseUnavailable
from app.database.executor import Database
from app.domain.identity import api_key_repository as repository
from app.domain.identity.api_key_repository import USE_RECORDED_EVERY
from app.domain.ids import ApiKeyId
from app.domain.unit_of_work import unit_of_work
from app.telemetry.logging import get_logger

log = get_logger(__name__)

GATHERED_SECONDS = 5.0
REMEMBERED_MAXIMUM = 10_000


class ApiKeyUses:
    """Of one process. A use within a minute of one that was noted is none; `keep` writes what is noted."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._quiet_until: dict[ApiKeyId, float] = {}
        self._noted: dict[ApiKeyId, str] = {}
        self._is_noted = asyncio.Event()

    def note(self, api_key_id: ApiKeyId, address: str) -> None:
        """The key was used just now from this address."""
        now = time.monotonic()
        if now < self._quiet_until.get(api_key_id, 0.0):
            return
        if len(self._quiet_until) >= REMEMBERED_MAXIMUM:
            self._quiet_until.clear()  # What is noted too often is not written too often: the statement sees to that.
        self._quiet_until[api_key_id] = now + USE_RECORDED_EVERY.total_seconds()
        self._noted[api_key_id] = address
        self._is_noted.set()

    async def keep(self) -> None:
        """Writes what is noted, five seconds after the first of it, until cancelled; then writes the rest."""
        try:
            while True:
                await self._is_noted.wait()
                await asyncio.sleep(GATHERED_SECONDS)
                await self.write()
        finally:
            await self.write()

    async def write(self) -> None:
        """Writes what is noted now, in one statement; what cannot be written is kept for the next time."""
        noted, self._noted = self._noted, {}
        self._is_noted.clear()
        if not noted:
            return
        try:
            async with unit_of_work(self._database) as work:
                await repository.record_uses(work, noted)
        except DatabaseUnavailable as error:
            self._noted = noted | self._noted
            self._is_noted.set()
            log.info("uses of API keys not recorded yet", keys=len(noted), error_code=error.code)
