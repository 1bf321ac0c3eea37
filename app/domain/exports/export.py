"""An export as a value: how far it is, and what its owner may know of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from app.domain.ids import ExportId, UserId

# In any 24 hours. Each takes a connection for as long as it is built, and room until it expires.
DAILY_MAXIMUM = 5
DAY = timedelta(days=1)
# How often a worker begins with an export before it is given up.
ATTEMPTS_MAXIMUM = 5
# What is stored and sent at once; sealed with a key and bound to its place one by one.
CHUNK_BYTES = 65_536


class Status(StrEnum):
    """How far an export is."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"


class Export(Struct, frozen=True):
    """One export as its owner sees it. `size_bytes` is of the archive, from when it is ready; it stays after that."""

    id: ExportId
    status: Status
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    size_bytes: int | None


class Claimed(Struct, frozen=True):
    """An export that is this worker's until its lease ends. `attempts` counts the one that is to be made now.

    Not `may_be_built` is that of somebody who can no longer fetch it: let out, or about to be erased.
    """

    id: ExportId
    user_id: UserId
    created_at: datetime
    attempts: int
    may_be_built: bool


@dataclass(frozen=True)
class Archive:
    """What is sent: so many bytes, in pieces that are read one by one while they are sent."""

    export_id: ExportId
    created_at: datetime
    size_bytes: int
    pieces: AsyncIterator[bytes]
