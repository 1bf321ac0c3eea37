"""Identifiers: UUID version 7 (RFC 9562 §5.7), so that rows created together lie together in their indexes."""

import os
import time
from typing import NewType
from uuid import UUID

UserId = NewType("UserId", UUID)
TeamId = NewType("TeamId", UUID)
ProjectId = NewType("ProjectId", UUID)
TodoId = NewType("TodoId", UUID)
SessionId = NewType("SessionId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)
BlockId = NewType("BlockId", UUID)
FactorId = NewType("FactorId", UUID)
ExportId = NewType("ExportId", UUID)

_VERSION_7 = 0x7 << 76
_VARIANT = 0x2 << 62


def uuid7() -> UUID:
    """48 bits of Unix milliseconds, then 74 random bits. Ids of one millisecond have no order among themselves."""
    random = int.from_bytes(os.urandom(10), "big")
    milliseconds = time.time_ns() // 1_000_000
    return UUID(int=milliseconds << 80 | _VERSION_7 | (random >> 6 & 0xFFF) << 64 | _VARIANT | random >> 18)
