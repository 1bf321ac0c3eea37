"""HTTP messages by hand: requests as bytes, and one exchange at a time for everything that is not timed."""

import http.client
import json
import socket
from dataclasses import dataclass

import msgspec

_ANSWER_SECONDS = 30.0


class UnexpectedAnswerError(Exception):
    """An application answered with something other than what the work asks for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that was read whole."""

    status: int
    body: bytes

    def document(self) -> dict[str, object]:
        """The JSON object in the body. Raises UnexpectedAnswerError if the status is no 2xx or there is no object."""
        if not 200 <= self.status < 300:
            raise UnexpectedAnswerError(f"status {self.status}: {self.body[:300]!r}")
        try:
            return msgspec.json.decode(self.body, type=dict[str, object])
        except msgspec.MsgspecError as error:
            raise UnexpectedAnswerError(f"not a JSON object: {self.body[:300]!r}") from error


def request(method: str, path: str, *, token: str = "", document: object = None, uncached: bool = False) -> bytes:
    """One HTTP/1.1 request: a bearer token and a JSON document where given, and no header beyond what they need.

    `uncached` asks for an answer that no cache has kept (RFC 9111 section 5.2.1.4).
    """
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json"]
    if uncached:
        head.append("Cache-Control: no-cache")
    if token:
        head.append(f"Authorization: Bearer {token}")
    body = b"" if document is None else json.dumps(document).encode()
    if body:
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def exchange(port: int, message: bytes) -> Answer:
    """Sends one request over a connection of its own. Raises OSError or http.client.HTTPException."""
    with socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_SECONDS) as connection:
        connection.sendall(message)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return Answer(response.status, response.read())
