"""Runs the API on a socket, in one process or several, and stops it without dropping a request.

The order of a stop: readiness turns to 503 while everything is still served and connections are closed after their
answer; after DRAIN_SECONDS the socket closes; what runs then has SHUTDOWN_GRACE_SECONDS to finish.
"""

import asyncio
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from app.draining import Draining
from app.http_protocol import BoundedHttp
from app.settings import Settings
from app.telemetry.logging import get_logger

log = get_logger(__name__)

APPLICATION = "app.main:app_from_environment"
BACKLOG = 2048
# Longer than proxies keep an idle connection (HAProxy 5 s, nginx and AWS 60 s), so that they close it and never find
# it closed under a request.
KEEP_ALIVE_SECONDS = 65

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class ListenError(Exception):
    """The address cannot be listened on; the message says why and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address, not yet accepting. Raises ListenError."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise ListenError(f"HOST={host} is not an address of this machine ({error.strerror}).") from error
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
        # A second listener on the port shows at listen() only, where the first one also set SO_REUSEADDR.
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        reason = f"Cannot listen on {host} port {port}: {error.strerror}."
        raise ListenError(f"{reason} Choose another: PORT={port + 1}") from error
    return bound


def serve(settings: Settings, bound: socket.socket) -> int:
    """Serves on `bound` until told to stop; returns the exit status. To be called in the main thread."""
    config = uvicorn.Config(
        APPLICATION,
        factory=True,
        http=BoundedHttp,
        loop="uvloop",
        interface="asgi3",
        ws="none",
        lifespan="on",
        workers=settings.http.workers,
        backlog=BACKLOG,
        log_config=None,  # app.telemetry.logging renders uvicorn's lines too.
        access_log=False,  # app.middleware.access_log knows more.
        proxy_headers=False,  # app.middleware.request_context believes TRUSTED_PROXIES only.
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_worker_healthcheck=10,  # On a busy machine a worker imports for longer than the default of 5 s.
        timeout_graceful_shutdown=settings.http.shutdown_grace_seconds,
    )
    log.info("listening", host=settings.http.host, port=settings.http.port, workers=settings.http.workers)
    if settings.http.workers > 1:
        supervisor = _Supervisor(config, sockets=[bound])
        supervisor.run()
        return int(supervisor.has_failed)
    # uvicorn repeats the signal to itself when it has stopped. It has been obeyed by then: the exit status is 0.
    for stop_signal in _STOP_SIGNALS:
        signal.signal(stop_signal, lambda _number, _frame: None)
    server = uvicorn.Server(config)
    try:
        server.run(sockets=[bound])
    except SystemExit:  # uvicorn's way to say that the application did not start; it has logged why.
        return 1
    return 0


class _Supervisor(Multiprocess):
    """uvicorn's supervisor of worker processes; a second stop signal ends them at once."""

    @property
    def has_failed(self) -> bool:
        """True if it stopped because a worker could not start."""
        return any(process.exitcode == STARTUP_FAILURE for process in self.processes)

    def terminate_all(self) -> None:
        """Tells the workers to stop; what they then no longer accept must not wait in a queue that nobody reads."""
        for bound in self.sockets:
            bound.close()
        super().terminate_all()

    def join_all(self) -> None:
        """Returns when all workers are gone."""
        while any(process.process.is_alive() for process in self.processes):
            if not set(_STOP_SIGNALS).isdisjoint(self.signal_queue):
                for process in self.processes:
                    process.kill()
            time.sleep(0.05)
        super().join_all()


class GracefulStop:
    """Around the application of one process: the first stop signal starts the drain, the second one ends it at once.

    Works through uvicorn's own signal handlers, which are in place when the lifespan begins.
    """

    def __init__(self, app: ASGIApp, *, draining: Draining, drain_seconds: float) -> None:
        self.app = app
        self._draining = draining
        self._drain_seconds = drain_seconds

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Runs the application."""
        if scope["type"] == "lifespan":
            return self._live(scope, receive, send)
        if self._draining.is_set and scope["type"] == "http":
            return self.app(scope, receive, _closing(send))
        return self.app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._stop_signals(), _end_with_supervisor():
            await self.app(scope, receive, send)

    @contextmanager
    def _stop_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        handlers = {number: signal.getsignal(number) for number in _STOP_SIGNALS}
        stop_server = cast("Callable[[int, FrameType | None], Any]", handlers[signal.SIGTERM])

        def stop(number: int, frame: FrameType | None) -> None:
            if not self._draining.is_set:
                self._draining.start()
                loop.call_soon_threadsafe(loop.call_later, self._drain_seconds, stop_server, number, frame)
                return
            # uvicorn leaves at once when it is interrupted while it stops.
            stop_server(number, frame)
            stop_server(signal.SIGINT, frame)

        # Ctrl-C reaches every process of a terminal; under a supervisor, it is the supervisor that decides.
        is_worker = multiprocessing.parent_process() is not None
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN if is_worker else stop)
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)


@contextmanager
def _end_with_supervisor() -> Iterator[None]:
    """Stops this worker when its supervisor is killed: it would hold the port for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        yield
        return
    loop = asyncio.get_running_loop()

    def supervisor_is_gone() -> None:
        loop.remove_reader(parent.sentinel)
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(parent.sentinel, supervisor_is_gone)
    try:
        yield
    finally:
        loop.remove_reader(parent.sentinel)


def _closing(send: Send) -> Send:
    def send_and_close(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        return send(message)

    return send_and_close
