"""Hashing and verifying passwords: argon2id with OWASP's profile, in a bounded number of threads.

A hash takes some 20 ms of CPU and 19 MiB of memory; argon2 lets go of the interpreter lock meanwhile, so the event loop
goes on. Unknown users cost the same as known ones. Source: OWASP Password Storage Cheat Sheet; RFC 9106.
"""

import asyncio
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1


class Passwords:
    """Makes and checks password hashes in `threads` threads; who finds them busy waits in line, and may leave it."""

    def __init__(self, *, threads: int) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, type=Type.ID)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._nobody = self._hasher.hash(secrets.token_bytes(32))

    async def hash(self, password: str) -> str:
        """A new hash of `password` in PHC format, different each time."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """True if `password` was hashed to this; without a hash False, after the time that a wrong password takes."""
        loop = asyncio.get_running_loop()
        matches = await loop.run_in_executor(self._executor, self._verify, password_hash or self._nobody, password)
        return matches and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """True if the hash was made with other parameters than those in use, so that login should replace it."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        """Lets the running hashes finish and drops the waiting ones."""
        self._executor.shutdown(cancel_futures=True)

    def _hash(self, password: str) -> str:
        return self._hasher.hash(normalised(password))

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, normalised(password))
        except (VerificationError, InvalidHashError):
            return False


def normalised(password: str) -> str:
    """`password` in NFC, so that every keyboard spells it the same (NIST SP 800-63B-4 §3.1.1.2)."""
    return unicodedata.normalize("NFC", password)
