"""Where mail and text messages of a running service arrive: a mail server and a provider's interface, on loopback."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from bench.processes import free_port

PATIENCE_SECONDS = 60


class Deliveries:
    """Keeps what arrives for anybody, whether by mail or by SMS, until it is read."""

    def __init__(self) -> None:
        self._arrived: dict[str, list[str]] = {}
        self._mail = Controller(self, hostname="127.0.0.1", port=free_port())
        self._sms = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))

    @property
    def settings(self) -> dict[str, str]:
        """What a service needs to deliver to here."""
        return {
            "MAIL_PROVIDER": "smtp",
            "MAIL_FROM": "todo@example.com",
            "SMTP_URL": f"smtp://127.0.0.1:{self._mail.port}?starttls=off",
            "SMS_PROVIDER": "http",
            "SMS_URL": f"http://127.0.0.1:{self._sms.server_port}/messages",
            "OUTBOUND_PRIVATE_NETWORKS": "127.0.0.0/8",
        }

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        text = message_from_bytes(envelope.content, policy=policy.default).get_content()
        for address in envelope.rcpt_tos:
            self.take(address, text)
        return "250 taken"

    def take(self, recipient: str, text: str) -> None:
        """Something has arrived."""
        self._arrived.setdefault(recipient, []).append(text)

    def next(self, recipient: str, pattern: str) -> str:
        """The first group of the pattern in the next message that has it, once that is there; older ones are gone."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            while messages := self._arrived.get(recipient, []):
                if found := re.search(pattern, messages.pop(0), re.MULTILINE):
                    return found[1]
            time.sleep(0.02)
        raise AssertionError(f"nothing like {pattern} came to {recipient}")

    @contextmanager
    def open(self) -> Iterator[None]:
        """Takes messages meanwhile, each kind in a thread of its own."""
        self._mail.start()
        thread = threading.Thread(target=self._sms.serve_forever)
        thread.start()
        try:
            yield
        finally:
            self._sms.shutdown()
            self._sms.server_close()
            thread.join()
            self._mail.stop()


def _handler(deliveries: Deliveries) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            deliveries.take(message["to"], message["text"])
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """It would go to the terminal."""

    return Handler
