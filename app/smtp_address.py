"""Where the mail server is and how it is talked to, read from one address.

    smtps://user:password@host:465          TLS from the first byte
    smtp://user:password@host:587           STARTTLS, which the server must offer
    smtp://host:25?starttls=off             no TLS at all, stated

Certificates are verified in both kinds of TLS.
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

SUBMISSION_PORT = 587  # RFC 6409
TLS_PORT = 465  # RFC 8314

Protection = Literal["tls", "starttls", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """What an address says. Without a user nobody signs in."""

    host: str
    port: int
    protection: Protection
    username: str = ""
    password: str = ""


def mail_server_at(url: str) -> MailServer:
    """What `url` says. Raises ValueError with the reason, which never shows the password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is not an address") from None
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ValueError("must start with smtp:// or smtps:// and a host")
    if parts.path not in {"", "/"} or parts.fragment:
        raise ValueError("must end with the host or the port")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if options not in ({}, {"starttls": "off"}) or (options and parts.scheme == "smtps"):
        raise ValueError("knows no option but smtp://...?starttls=off")
    protection: Protection = "tls" if parts.scheme == "smtps" else "starttls"
    return MailServer(
        host=parts.hostname,
        port=port or (TLS_PORT if protection == "tls" else SUBMISSION_PORT),
        protection="none" if options else protection,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
