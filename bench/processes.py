"""Server processes: started, pinned, awaited, measured and stopped, by process id only.

CPU time is that of a whole process tree, children that have ended included; the kernel counts it in steps of 10 ms.
"""

import http.client
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from bench.messages import exchange

_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.005

SERVER_CORES = frozenset({0})
LOAD_CORES = frozenset({1})
CAN_PIN = hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1


class ServerError(Exception):
    """A server did not start, or ended by itself; the message ends with the last lines of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server process."""

    name: str
    port: int
    pid: int
    log: Path
    first_answer_seconds: float
    """From the start of the process to the first 2xx of the request that it was awaited with."""

    def resident_bytes(self) -> int:
        """Memory of the largest process of the tree: the worker, where a supervisor keeps it company."""
        return max(process.memory_info().rss for process in _tree(self.pid))

    def empty_log(self) -> None:
        """Throws away what it has logged so far; it appends, so it goes on at the beginning."""
        os.truncate(self.log, 0)


class CpuMeter:
    """A context manager that takes the CPU seconds which some process trees spend while it is open."""

    def __init__(self, root_pids: Mapping[str, int]) -> None:
        self._root_pids = root_pids
        self._before: dict[str, float] = {}
        self._machine_before = 0.0
        self.seconds: dict[str, float] = {}
        """CPU seconds by the names of `root_pids`, once it is closed."""
        self.machine_seconds = 0.0
        """CPU seconds of the whole machine, once it is closed."""

    def __enter__(self) -> Self:
        self._before = self._now()
        self._machine_before = machine_seconds()
        return self

    def __exit__(self, *_error: object) -> None:
        self.machine_seconds = machine_seconds() - self._machine_before
        self.seconds = {name: now - self._before[name] for name, now in self._now().items()}

    def _now(self) -> dict[str, float]:
        return {name: cpu_seconds(pid) for name, pid in self._root_pids.items()}


def cpu_seconds(root_pid: int) -> float:
    """CPU time that a process, its living descendants and its ended children have used so far."""
    seconds = 0.0
    for process in _tree(root_pid):
        try:
            used = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += used.user + used.system + used.children_user + used.children_system
    return seconds


def machine_seconds() -> float:
    """CPU time that everything on this machine has used so far, and what its host has taken away from it."""
    used = psutil.cpu_times()
    return float(sum(getattr(used, kind, 0.0) for kind in ("user", "nice", "system", "irq", "softirq", "steal")))


def pin(root_pid: int, cores: frozenset[int] | None) -> None:
    """Keeps a process tree on these cores, None meaning all; does nothing where the system cannot."""
    if not CAN_PIN:
        return
    for process in _tree(root_pid):
        for thread in process.threads():
            os.sched_setaffinity(thread.id, cores or range(os.cpu_count() or 1))


@contextmanager
def serving(
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    log: Path,
    answers: bytes,
    cores: frozenset[int] | None = SERVER_CORES,
) -> Iterator[Server]:
    """Runs `command`, in which `{port}` stands for a free port, in `directory` until the block ends.

    Enters the block once the request `answers` gets a 2xx. Raises ServerError otherwise.
    """
    port = free_port()
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with log.open("ab") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            [part.format(port=port) for part in command],
            cwd=directory,
            env={**environment, "PORT": str(port)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        pin(process.pid, cores)
        seconds = _await_answer(name, process, port, request=answers, log=log, started=started)
        yield Server(name=name, port=port, pid=process.pid, log=log, first_answer_seconds=seconds)
        if process.poll() is not None:
            raise ServerError(f"{name} ended by itself with status {process.returncode}\n{_last_lines(log)}")
    finally:
        _stop(process)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _await_answer(
    name: str, process: subprocess.Popen[bytes], port: int, *, request: bytes, log: Path, started: float
) -> float:
    answer = "nothing listens"
    while time.perf_counter() - started < _START_SECONDS:
        if process.poll() is not None:
            raise ServerError(f"{name} ended with status {process.returncode}\n{_last_lines(log)}")
        try:
            status = exchange(port, request).status
        except (OSError, http.client.HTTPException) as error:
            answer = str(error)
        else:
            if 200 <= status < 300:
                return time.perf_counter() - started
            answer = f"status {status}"
        time.sleep(_POLL_SECONDS)
    raise ServerError(f"{name} did not answer within {_START_SECONDS:.0f} s: {answer}\n{_last_lines(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    descendants = [each for each in _tree(process.pid) if each.pid != process.pid]
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for orphan in psutil.wait_procs(descendants, timeout=1)[1]:
        orphan.kill()


def _tree(root_pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(root_pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _last_lines(log: Path) -> str:
    return "\n".join(line[:1000] for line in log.read_text(errors="replace").splitlines()[-15:])
