"""A stream that gathers lines for a moment, so that a request does not pay for a system call.

Knows how to lose nothing: not at exit, not when the reader is slow. Refuses to know what a line says.
"""

import contextlib
import threading
from collections import deque
from typing import BinaryIO

GATHER_SECONDS = 0.05
CAPACITY = 10_000


class LogLines:
    """Writes to `stream` from a thread of its own, at most every 50 ms; as UTF-8, whatever the locale.

    A slow reader therefore never holds up the event loop, until `capacity` lines wait: from then on each line is
    written by its caller, which is slow but loses nothing and bounds the memory. Only a process that is killed loses
    its last 50 ms.
    """

    def __init__(self, stream: BinaryIO, *, gather_seconds: float = GATHER_SECONDS, capacity: int = CAPACITY) -> None:
        self._stream = stream
        self._gather_seconds = gather_seconds
        self._capacity = capacity
        self._lines = deque[bytes]()
        self._waiting = threading.Event()
        self._closed = threading.Event()
        # Reentrant, because a signal handler that logs may interrupt the writing thread's owner.
        self._writing = threading.RLock()
        self._thread = threading.Thread(target=self._write_now_and_then, name="log-lines", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Takes a whole line, its end included."""
        self.write_encoded(text.encode(errors="backslashreplace"))

    def write_encoded(self, line: bytes) -> None:
        """As `write`, of a line in UTF-8. Costs 0.2 µs, and the system call only when too many wait."""
        self._lines.append(line)
        if len(self._lines) >= self._capacity:
            self.flush()
        elif not self._waiting.is_set():
            self._waiting.set()

    def flush(self) -> None:
        """Writes out everything taken so far before it returns. The logging module calls it at exit."""
        with self._writing:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if lines:
                self._stream.write(b"".join(lines))
                self._stream.flush()

    def close(self) -> None:
        """Stops the thread and writes what is left. The stream stays open: it was only lent."""
        self._closed.set()
        self._waiting.set()
        self._thread.join()
        self.flush()

    def _write_now_and_then(self) -> None:
        while not self._closed.is_set():
            self._waiting.wait()
            self._closed.wait(self._gather_seconds)
            # Cleared before the lines are taken: a line that comes in between wakes the thread once too often,
            # never once too seldom.
            self._waiting.clear()
            # The reader is gone or the stream is closed. There is nobody left to tell, and the service goes on.
            with contextlib.suppress(OSError, ValueError):
                self.flush()
