"""A way to Redis that a test can spoil: delays, cuts, silence, and commands that never arrive. Counts what passes.

Reads what clients send as commands, so that a test can choose among them; answers pass as they are.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import hiredis

from app.redis_address import Node, servers_at

CHUNK_BYTES = 65_536

Rule = Callable[[tuple[bytes, ...]], float | None]
"""What to do with a command: hold it, and all that come after it on its connection, for so many seconds; None: lose it.

A lost command is answered as if it had been done, so that those after it keep their answers."""


def pass_all(_command: tuple[bytes, ...]) -> float | None:
    """The rule of an honest way."""
    return 0.0


def losing(name: bytes, prefix: bytes) -> Rule:
    """Loses every command of this name whose key begins with `prefix`."""

    def rule(command: tuple[bytes, ...]) -> float | None:
        return None if command[0].upper() == name and command[1].startswith(prefix) else 0.0

    return rule


class RedisProxy:
    """Listens on a free port of 127.0.0.1 and passes everything on to the server at `target_url` (tcp or unix).

    With `tls` it is the server's end of TLS, too, for a server that knows none.
    """

    def __init__(self, target_url: str, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._target: Node = servers_at(target_url).nodes[0]
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self.is_cut = False
        self.port = 0
        self.rule: Rule = pass_all
        self.to_server_seconds = 0.0
        self.to_client_seconds = 0.0
        self.commands: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.accepted = 0

    @property
    def url(self) -> str:
        """The address of this way."""
        return f"redis://127.0.0.1:{self.port}/0"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self._flows.set()
        self.cut()
        await asyncio.gather(*self._serving)

    def cut(self) -> None:
        """Breaks every connection, and every new one at once, until `mend`."""
        self.is_cut = True
        for writer in self._open:
            writer.transport.abort()

    def blackhole(self) -> None:
        """Lets nothing through in either direction until `mend`; connections stay open and new ones are accepted."""
        self._flows.clear()

    def mend(self) -> None:
        """Lets everything through again, in order, what was held first."""
        self.is_cut = False
        self._flows.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        try:
            if self._target.path:
                answers, server = await asyncio.open_unix_connection(self._target.path)
            else:
                answers, server = await asyncio.open_connection(self._target.host, self._target.port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, server}
        self._open |= ends
        try:
            ways = [asyncio.create_task(self._pass_commands(reader, server))]
            ways.append(asyncio.create_task(self._pass_answers(answers, writer)))
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _pass_commands(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        commands = hiredis.Reader()
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                commands.feed(data)
                while (read := commands.gets()) is not False:
                    await self._pass_command(tuple(read), server)

    async def _pass_command(self, command: tuple[Any, ...], server: asyncio.StreamWriter) -> None:
        name = command[0].decode().upper()
        self.commands[name] += 1
        seconds = self.rule(command)
        if seconds is None:
            self.lost[name] += 1
            command, seconds = (b"ECHO", b"OK"), 0.0
        await self._hold(self.to_server_seconds + seconds)
        server.write(hiredis.pack_command(command))

    async def _pass_answers(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await answers.read(CHUNK_BYTES):
                await self._hold(self.to_client_seconds)
                writer.write(data)

    async def _hold(self, seconds: float) -> None:
        if seconds > 0:
            await asyncio.sleep(seconds)
        await self._flows.wait()
