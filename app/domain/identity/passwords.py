"""Hashing and verifying passwords: argon2id with OWASP's profile, in a bounded number of threads.

A hash takes some 20 ms of CPU and 19 MiB of memory; argon2 lets go of the interpreter lock meanwhile, so the event loop
goes on. Unknown users cost the same as known ones. Source: OWASP Password Storage Cheat Sheet; RFC 9106.
"""

import asyncio
import secrets
import unicodedata
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from app.domain.identity.freed_memory import give_back

MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1

Result = TypeVar("Result")


class Passwords:
    """Makes and checks password hashes in `threads` threads; who finds them busy waits in line, and may leave it."""

    def __init__(self, *, threads: int) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, type=Type.ID)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._waiting = deque[tuple[Future[Any], Callable[[], Any]]]()
        self._nobody = self._hasher.hash(secrets.token_bytes(32))

    async def hash(self, password: str) -> str:
        """A new hash of `password` in PHC format, different each time."""
        return await self._in_thread(lambda: self._hash(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """True if `password` was hashed to this; without a hash False, after the time that a wrong password takes."""
        matches = await self._in_thread(lambda: self._verify(password_hash or self._nobody, password))
        return matches and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """True if the hash was made with other parameters than those in use, so that login should replace it."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        """Lets the running hashes finish and drops the waiting ones."""
        while self._waiting:
            self._waiting.pop()[0].cancel()
        self._executor.shutdown(cancel_futures=True)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        future = Future[Result]()
        self._waiting.append((future, work))
        self._executor.submit(self._run_waiting)
        return await asyncio.wrap_future(future)

    def _run_waiting(self) -> None:
        """Runs what waits until nothing does: the next hash needs the memory of the last, which is dear to get anew.

        Then the memory goes back. Where another thread has taken what this call was made for, there is nothing to do.
        """
        has_run = False
        with suppress(IndexError):
            while True:
                future, work = self._waiting.popleft()
                if future.set_running_or_notify_cancel():
                    _fulfil(future, work)
                    has_run = True
        if has_run:
            give_back()

    def _hash(self, password: str) -> str:
        return self._hasher.hash(normalised(password))

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, normalised(password))
        except (VerificationError, InvalidHashError):
            return False


def _fulfil(future: Future[Any], work: Callable[[], Any]) -> None:
    try:
        result = work()
    except Exception as error:  # noqa: BLE001 - whoever waits gets it, whatever it is
        future.set_exception(error)
    else:
        future.set_result(result)


def normalised(password: str) -> str:
    """`password` in NFC, so that every keyboard spells it the same (NIST SP 800-63B-4 §3.1.1.2)."""
    return unicodedata.normalize("NFC", password)
