"""Valkey servers of a test's own, on free ports: one alone, two under three Sentinels, a cluster of three.

Each is a real process that can be killed, frozen and started again with what it had saved. Whoever starts one ends it.
"""

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from redis import Redis
from redis.exceptions import RedisError

from app import local_stack
from app.server_process import ServerProcess, ServerProgram
from tests.server_processes import free_port

HOST = "127.0.0.1"
PRIMARY_NAME = "todo-primary"
SLOTS = 16384

SETTINGS = {"bind": HOST, "save": "", "appendonly": "no", "repl-diskless-sync-delay": "0"}
SENTINEL_RULES = f"""
sentinel monitor {PRIMARY_NAME} {HOST} {{port}} 2
sentinel down-after-milliseconds {PRIMARY_NAME} 400
sentinel failover-timeout {PRIMARY_NAME} 3000
"""


class Valkey:
    """One server process and its directory; `settings` are added to its command line.

    With `rules` it is a Sentinel, which keeps them in a file of its own.
    """

    def __init__(self, directory: Path, *, rules: str = "", **settings: str) -> None:
        binary = local_stack._valkey_binary()
        assert binary is not None, "this platform has no Valkey"
        self.port = free_port()
        self.directory = directory / str(self.port)
        self.directory.mkdir(parents=True)
        arguments = [str(binary)]
        everything = {"port": str(self.port), "dir": str(self.directory)}
        if rules:
            (self.directory / "sentinel.conf").write_text(rules)
            arguments += [str(self.directory / "sentinel.conf"), "--sentinel"]
        else:
            everything |= SETTINGS
        for name, value in (everything | settings).items():
            arguments += [f"--{name.replace('_', '-')}", value]
        self.process = ServerProcess(
            ServerProgram(
                name="Valkey",
                arguments=arguments,
                directory=self.directory,
                log=self.directory / "server.log",
                stop_signal=signal.SIGTERM,
                is_ready=lambda _pid: self.answers(),
            )
        )
        self._options: dict[str, Any] = {"password": settings.get("requirepass"), "retry": None}

    @property
    def url(self) -> str:
        """Its address, for the service."""
        return f"redis://{HOST}:{self.port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def log_in(self, user: str, password: str) -> None:
        """As whom `ask` asks from now on."""
        self._options |= {"username": user, "password": password}

    def start(self) -> None:
        """Starts it and returns when it answers."""
        self.process.start(timeout_seconds=20)

    def kill(self) -> None:
        """Ends it as a power cut would. What was saved stays."""
        self.process.kill()

    def ask(self, *command: str | float | bytes) -> Any:
        """One command on a connection of its own, past the service. Raises RedisError."""
        with Redis(host=HOST, port=self.port, socket_timeout=2, **self._options) as client:
            return client.execute_command(*command)

    def answers(self) -> bool:
        """True if it does, be it with an error."""
        try:
            return bool(self.ask("PING"))
        except RedisError:
            return False

    def calls(self, command: str) -> int:
        """How often the server has run a command since it started."""
        found = self.ask("INFO", "commandstats").get(f"cmdstat_{command.lower()}")
        return int(found["calls"]) if found else 0

    def facts(self, section: str) -> dict[str, Any]:
        """A section of INFO."""
        answer: dict[str, Any] = self.ask("INFO", section)
        return answer


class SentinelSet:
    """A primary, a replica of it, and three Sentinels that promote the replica when the primary is gone."""

    def __init__(self, directory: Path, *, password: str = "") -> None:
        secret = {"requirepass": password, "masterauth": password} if password else {}
        self.primary = Valkey(directory, **secret)
        self.replica = Valkey(directory, **secret, replicaof=f"{HOST} {self.primary.port}")
        rules = SENTINEL_RULES.format(port=self.primary.port)
        if password:
            rules += f"sentinel auth-pass {PRIMARY_NAME} {password}\n"
        self.sentinels = [Valkey(directory, rules=rules, bind=HOST) for _ in range(3)]
        credentials = f":{password}@" if password else ""
        nodes = ",".join(f"{HOST}:{sentinel.port}" for sentinel in self.sentinels)
        self.url = f"redis+sentinel://{credentials}{nodes}/{PRIMARY_NAME}/0"

    def __enter__(self) -> Self:
        try:
            self.primary.start()
            self.replica.start()
            wait_until(lambda: self.replica.facts("replication")["master_link_status"] == "up")
            for sentinel in self.sentinels:
                sentinel.start()
            wait_until(lambda: all(self._knows_all(sentinel) for sentinel in self.sentinels))
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """Ends all of them."""
        for server in (*self.sentinels, self.replica, self.primary):
            server.kill()

    @staticmethod
    def _knows_all(sentinel: Valkey) -> bool:
        others = sentinel.ask("SENTINEL", "SENTINELS", PRIMARY_NAME)
        return len(others) == 2 and len(sentinel.ask("SENTINEL", "REPLICAS", PRIMARY_NAME)) == 1


class Cluster:
    """Three primaries without replicas, a third of the slots each."""

    def __init__(self, directory: Path) -> None:
        # Where the nodes talk among themselves: the default, 10,000 above the port, need not be a port at all.
        self._talk = [str(free_port()) for _ in range(3)]
        self.nodes = [
            Valkey(directory, cluster_enabled="yes", cluster_node_timeout="500", cluster_port=port)
            for port in self._talk
        ]
        self.url = "redis+cluster://" + ",".join(f"{HOST}:{node.port}" for node in self.nodes)

    def __enter__(self) -> Self:
        try:
            for node in self.nodes:
                node.start()
            for index, node in enumerate(self.nodes):
                first, last = SLOTS * index // 3, SLOTS * (index + 1) // 3 - 1
                node.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
                node.ask("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
                if index:
                    self.nodes[0].ask("CLUSTER", "MEET", HOST, node.port, self._talk[index])
            wait_until(lambda: all(self.is_whole(node) for node in self.nodes))
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """Ends all of them."""
        for node in self.nodes:
            node.kill()

    def owner(self, key: str) -> Valkey:
        """The node that has a key."""
        slot = int(self.nodes[0].ask("CLUSTER", "KEYSLOT", key))
        return next(node for index, node in enumerate(self.nodes) if slot < SLOTS * (index + 1) // 3)

    @staticmethod
    def is_whole(node: Valkey) -> bool:
        """True if this node sees all of the slots served."""
        found: bytes = node.ask("CLUSTER", "INFO")
        return b"cluster_state:ok" in found and b"cluster_known_nodes:3" in found


def wait_until(condition: Callable[[], bool], *, seconds: float = 20.0) -> None:
    """Returns when the condition holds; an error of a server counts as no. Blocks the event loop."""
    deadline = time.monotonic() + seconds
    while not _holds(condition):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


async def until(condition: Callable[[], bool], *, seconds: float = 10.0) -> float:
    """Returns when the condition holds, and says after how many seconds; others run meanwhile."""
    started = time.monotonic()
    while not _holds(condition):
        assert time.monotonic() - started < seconds, "it did not happen"
        await asyncio.sleep(0.002)
    return time.monotonic() - started


def _holds(condition: Callable[[], bool]) -> bool:
    with suppress(RedisError):
        return condition()
    return False
