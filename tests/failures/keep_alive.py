"""One keep-alive connection that asks and waits for the answer: cheap enough for twenty of them beside the service.

Knows HTTP/1.1 with Content-Length; what the requests mean is the caller's business.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_BODILESS = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and when it was asked for; both times are of the monotonic clock."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent_at: float
    seconds: float

    @property
    def document(self) -> Any:
        """The JSON in the body."""
        return json.loads(self.body)


class Client:
    """A caller of one worker. Opens its connection at the first question, and again after it was lost."""

    def __init__(self, port: int, token: str = "") -> None:
        self._port = port
        self._authorization = {"Authorization": f"Bearer {token}"} if token else {}
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, method: str, path: str, document: object = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer. Raises ConnectionError or asyncio.IncompleteReadError where none comes."""
        body = b"" if document is None else json.dumps(document).encode()
        lines = {"Host": "test", **self._authorization, **(headers or {})}
        if body:
            lines |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        sent_at = time.monotonic()
        try:
            writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
            return await _answer(reader, method, sent_at)
        except BaseException:
            self.close()
            raise

    async def get(self, path: str, **headers: str) -> Answer:
        """A GET; header names are spelled with underscores."""
        return await self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    async def get_from_database(self, path: str) -> Answer:
        """A GET that no cache may answer."""
        return await self.get(path, Cache_Control="no-cache")

    def close(self) -> None:
        """Drops the connection."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].transport.abort()


async def _answer(reader: asyncio.StreamReader, method: str, sent_at: float) -> Answer:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
    status = int(first[9:12])
    has_body = method != "HEAD" and status not in _BODILESS
    body = await reader.readexactly(int(headers["content-length"])) if has_body else b""
    return Answer(status, headers, body, sent_at, time.monotonic() - sent_at)
