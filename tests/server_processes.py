"""Server processes for tests: the real `app.server` around an application that shows what reaches it."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from app import server
from app.draining import Draining
from app.settings import load_settings
from app.telemetry import logging

ROOT = Path(__file__).resolve().parents[1]


def application() -> ASGIApp:
    """What each server process runs."""
    draining = Draining()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
            return
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        if scope["path"] == "/slow":
            await asyncio.sleep(float(scope["query_string"]))
        facts = {
            "pid": os.getpid(),
            "draining": draining.is_set,
            "body": len(body),
            "headers": {name.decode(): value.decode() for name, value in scope["headers"]},
        }
        document = json.dumps(facts).encode()
        headers = [(b"content-length", str(len(document)).encode())]
        await send({"type": "http.response.start", "status": 503 if draining.is_set else 200, "headers": headers})
        await send({"type": "http.response.body", "body": document})

    return server.GracefulStop(answer, draining=draining, drain_seconds=load_settings().http.drain_seconds)


async def live(receive: Receive, send: Send) -> None:
    """The lifespan; fails if the environment says so."""
    await receive()
    if "FAIL_TO_START" in os.environ:
        await send({"type": "lifespan.startup.failed", "message": "told to"})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


class Server:
    """A running server, and what can be asked of it."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    def get(self, path: str = "/") -> tuple[int, dict[str, object], dict[str, str]]:
        """Status, facts and headers of one answer, on a connection of its own. Raises OSError when nobody listens."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read()), dict(response.getheaders())
        finally:
            connection.close()

    def pid_that_answers(self) -> int:
        """The process that one request meets."""
        pid = self.get()[1]["pid"]
        assert isinstance(pid, int)
        return pid

    def answers(self) -> bool:
        """True if somebody does."""
        try:
            self.get()
        except (OSError, HTTPException):
            return False
        return True

    def say(self, *pieces: bytes) -> bytes:
        """Everything that the server says to these bytes until it closes, or has nothing to say for a second."""
        heard = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
                while data := connection.recv(65536):
                    heard += data
            except (TimeoutError, ConnectionError):
                return heard
        return heard


def wait_until(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds, which it must within 30 seconds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@contextmanager
def serving(**environment: str) -> Iterator[Server]:
    """A server on a free port, answering; killed at the end if it has not ended by then."""
    port = free_port()
    server = Server(start(port, **environment), port)
    try:
        wait_until(lambda: server.answers() or server.process.poll() is not None)
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def start(port: int, **environment: str) -> subprocess.Popen[bytes]:
    """The process of a server."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.server_processes"],
        cwd=ROOT,
        env={**os.environ, "PORT": str(port), "LOG_LEVEL": "error", **environment},
        start_new_session=True,
    )


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def main() -> int:
    """Serves until told to stop."""
    server.APPLICATION = "tests.server_processes:application"
    settings = load_settings()
    logging.configure(settings)
    return server.serve(settings, server.listen(settings.http.host, settings.http.port))


if __name__ == "__main__":
    sys.exit(main())
