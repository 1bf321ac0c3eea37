"""One server program run as a child: started until it answers, stopped, killed, frozen, and found again as a stray.

Knows processes. Refuses to know what PostgreSQL or Valkey are: command line, signals and probe are given to it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from app.follow_parent import Account, command

if TYPE_CHECKING:
    import psutil

POLL_SECONDS = 0.01
LOG_TAIL_LINES = 15


class ServerProcessError(Exception):
    """A server did not start, or ended while it started; the message carries the end of its log."""


@dataclass(frozen=True)
class ServerProgram:
    """How to run one server. `directory` is its working directory; `is_ready` is asked with its process number."""

    name: str
    arguments: Sequence[str]
    directory: Path
    log: Path
    stop_signal: signal.Signals
    is_ready: Callable[[int], bool]
    account: Account | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


class ServerProcess:
    """The child that runs a ServerProgram; at most one at a time. Start it from a thread that outlives it."""

    def __init__(self, program: ServerProgram) -> None:
        self.program = program
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """True while the child lives, frozen or not."""
        return self._child is not None and self._child.poll() is None

    def start(self, *, timeout_seconds: float = 60.0) -> None:
        """Runs the server and returns when it answers. Raises ServerProcessError."""
        program = self.program
        with program.log.open("wb") as log:
            self._child = subprocess.Popen(
                command(program.arguments, stop_signal=program.stop_signal, account=program.account),
                cwd=program.directory,
                env={**os.environ, **program.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in a terminal is for the owner, which then stops this one in order.
            )
        deadline = time.monotonic() + timeout_seconds
        while not program.is_ready(self._child.pid):
            if self._child.poll() is not None:
                raise ServerProcessError(f"{program.name} ended while it started:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServerProcessError(f"{program.name} did not start in {timeout_seconds:g} s:\n{self.log_tail()}")
            time.sleep(POLL_SECONDS)

    def stop(self, *, timeout_seconds: float = 10.0) -> None:
        """Asks the server to end in order and waits; kills it after the time limit. Does nothing if it is gone."""
        if self._child is None:
            return
        if self.is_running:
            self._child.send_signal(signal.SIGCONT)
            self._child.send_signal(self.program.stop_signal)
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout_seconds)
        self.kill()

    def kill(self) -> None:
        """Ends the server and its own children with SIGKILL, as a power cut would; returns when they are gone."""
        if self._child is None:
            return
        family = self._family()
        self._child.kill()
        self._child.wait()
        self._child = None
        _end(family, signal.SIGKILL)

    def freeze(self) -> None:
        """Stops the server in its tracks: connections stay open and nothing answers."""
        for process in self._family():
            process.suspend()

    def thaw(self) -> None:
        """Lets a frozen server go on."""
        for process in self._family():
            process.resume()

    def stop_strays(self) -> None:
        """Ends what an owner that was killed left running in the directory: in order first, then with SIGKILL.

        Only for a program that has its directory for itself.
        """
        strays = self._strays()
        pids = {process.pid for process in strays}
        # The children of a server have other uses for its stop signal.
        _end([process for process in strays if process.info["ppid"] not in pids], self.program.stop_signal)
        _end(self._strays(), signal.SIGKILL)

    def log_tail(self) -> str:
        """The last lines that the server wrote since it was started."""
        text = self.program.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-LOG_TAIL_LINES:])

    def _family(self) -> "list[psutil.Process]":
        import psutil  # noqa: PLC0415 - comes with the extra "embedded", which production leaves out

        if self._child is None or not psutil.pid_exists(self._child.pid):
            return []
        leader = psutil.Process(self._child.pid)
        return [leader, *leader.children(recursive=True)]

    def _strays(self) -> "list[psutil.Process]":
        import psutil  # noqa: PLC0415 - as above

        binary, directory = Path(self.program.arguments[0]).name, str(self.program.directory)
        return [
            process
            for process in psutil.process_iter(["name", "cwd", "ppid"])
            if process.info["name"] == binary and process.info["cwd"] == directory
        ]


def _end(processes: "list[psutil.Process]", stop_signal: signal.Signals, *, timeout_seconds: float = 10.0) -> None:
    import psutil  # noqa: PLC0415 - as above

    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(stop_signal)
    psutil.wait_procs(processes, timeout=timeout_seconds)
