"""Tests that password hashing holds its memory only while it is busy."""

import asyncio
import sys
from pathlib import Path

import pytest

from app.domain.identity import freed_memory, passwords
from app.domain.identity.freed_memory import give_back
from app.domain.identity.passwords import MEMORY_KIB, Passwords

THREADS = 2
PASSWORD = "correct horse battery staple"

on_glibc = pytest.mark.skipif(freed_memory._libc is None, reason="only glibc keeps what was freed")


def resident_bytes() -> int:
    """Memory of this process that is its own and present."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("RssAnon:")[2].split()[0]) * 1024


@on_glibc
@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
class TestMemory:
    async def test_after_the_last_hash_it_is_returned(self):
        hasher = Passwords(threads=THREADS)
        before = resident_bytes()
        stored = await hasher.hash(PASSWORD)
        assert await asyncio.gather(*(hasher.verify(stored, PASSWORD) for _ in range(8))) == [True] * 8
        hasher.close()  # The answers are out before the memory is: now the threads have ended.
        assert resident_bytes() - before < MEMORY_KIB * 1024 / 2

    async def test_without_being_returned_it_would_stay(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(passwords, "give_back", lambda: None)
        hasher = Passwords(threads=THREADS)
        before = resident_bytes()
        stored = await hasher.hash(PASSWORD)
        await asyncio.gather(*(hasher.verify(stored, PASSWORD) for _ in range(8)))
        hasher.close()
        assert resident_bytes() - before > MEMORY_KIB * 1024 / 2


class TestClose:
    async def test_what_waits_is_dropped_and_told_so(self):
        hasher = Passwords(threads=1)
        stored = await hasher.hash(PASSWORD)
        asked = [asyncio.create_task(hasher.verify(stored, PASSWORD)) for _ in range(3)]
        await asyncio.sleep(0)
        hasher.close()
        await asyncio.wait(asked)
        assert [task.cancelled() for task in asked[1:]] == [True, True]


class TestWhen:
    async def test_while_others_wait_it_is_kept(self, monkeypatch: pytest.MonkeyPatch):
        earlier = Passwords(threads=1)
        stored = await earlier.hash(PASSWORD)
        earlier.close()
        times = []
        monkeypatch.setattr(passwords, "give_back", lambda: times.append(1))
        hasher = Passwords(threads=1)
        await asyncio.gather(*(hasher.verify(stored, PASSWORD) for _ in range(5)))
        hasher.close()  # The answer is out before the memory is: now the thread has ended.
        assert times == [1]

    async def test_a_failed_hash_gives_back_as_well(self, monkeypatch: pytest.MonkeyPatch):
        times = []
        monkeypatch.setattr(passwords, "give_back", lambda: times.append(1))
        hasher = Passwords(threads=1)
        with pytest.raises(UnicodeEncodeError):
            await hasher.hash("\ud800")
        hasher.close()
        assert times == [1]

    def test_without_glibc_nothing_happens(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(freed_memory, "_libc", None)
        give_back()
