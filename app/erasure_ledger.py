"""Who must stay erased, written down where no older backup of the database can take it back: a file that only grows.

    2026-11-28T20:47:00Z 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08

A line has the time and the SHA-256 of the user's id. An id has 74 random bits, so the file tells nothing to whoever has
no copy of the account; whoever restores one can recognise it, and needs no key that might be lost together with the
machine. Knows files and lines; refuses to know what it takes to erase somebody.
"""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

_LINE = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) ([0-9a-f]{64})")
_LINE_BYTES = 85
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class LedgerUnreadable(Exception):
    """The ledger holds what it never wrote, or has no place to be; the message says where."""


class Erased(NamedTuple):
    """One erasure: whose, as a digest, and when it began."""

    subject_hash: bytes
    at: datetime


@dataclass(frozen=True)
class ErasureLedger:
    """The file at `path`, which is made with its first line. Its directory has to be there.

    Blocks while it reads and writes. Any number of processes of one machine may add to it; on a file system that is
    shared by several, only if that one has locks.
    """

    path: Path

    def add(self, erasures: Iterable[Erased]) -> int:
        """Writes down those that are not there yet; how many. They are on the disk when this returns.

        Raises OSError, and LedgerUnreadable; nothing counts as written then.
        """
        is_new = not self.path.exists()
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            before = _all_of(descriptor)
            known = {erased.subject_hash for erased in read(before)}
            missing = [erased for erased in erasures if erased.subject_hash not in known]
            # What a crash has left of a line is ended first, and is none.
            torn = b"\n" if before and not before.endswith(b"\n") else b""
            if missing:
                _write_all(descriptor, torn + b"".join(line_of(erased) for erased in missing))
            # Also for what is there: whoever wrote it may have died before it was on the disk.
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            _sync_directory(self.path.parent)
        return len(missing)

    def erasures(self) -> list[Erased]:
        """All that is written down, the oldest first; nothing if there is no file. Raises OSError, LedgerUnreadable.

        A missing directory is no empty ledger: a volume may not be mounted.
        """
        try:
            return list(read(self.path.read_bytes()))
        except FileNotFoundError as error:
            if self.path.parent.is_dir():
                return []
            detail = f"There is no directory {self.path.parent} for the erasure ledger; is its volume mounted?"
            raise LedgerUnreadable(detail) from error


def digest_of(user_id: UUID) -> bytes:
    """What stands in the ledger for a user. PostgreSQL makes the same: `sha256(uuid_send(id))`."""
    return hashlib.sha256(user_id.bytes).digest()


def line_of(erased: Erased) -> bytes:
    """The line of one erasure, with its end."""
    return f"{erased.at.astimezone(UTC):{_TIME}} {erased.subject_hash.hex()}\n".encode()


def read(content: bytes) -> Iterator[Erased]:
    """The erasures in the text of a ledger. Shorter lines than whole ones were cut by a crash and do not count.

    Raises LedgerUnreadable.
    """
    for number, line in enumerate(content.split(b"\n"), start=1):
        if len(line) < _LINE_BYTES and _could_begin(line):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise LedgerUnreadable(f"This is no erasure ledger: line {number} is not one of its lines.")
        try:
            at = datetime.strptime(found[1].decode(), _TIME).replace(tzinfo=UTC)
        except ValueError as error:
            raise LedgerUnreadable(f"This is no erasure ledger: line {number} has a time that there is not.") from error
        yield Erased(bytes.fromhex(found[2].decode()), at)


def _could_begin(line: bytes) -> bool:
    """True if a whole line may begin like this."""
    whole = b"0000-00-00T00:00:00Z " + b"0" * 64
    return _LINE.fullmatch(line + whole[len(line) :]) is not None


def _all_of(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _sync_directory(directory: Path) -> None:
    """A file is there after a crash only if its directory says so."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
