"""The least that an ASGI application can do: the limit that the server itself sets."""

from starlette.types import Receive, Scope, Send

_BODY = b'{"status":"alive"}'
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())],
}
_END = {"type": "http.response.body", "body": _BODY}


async def app(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answers every request with the same bytes; takes part in no lifespan."""
    if scope["type"] == "http":
        await send(_START)
        await send(_END)
