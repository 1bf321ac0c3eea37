"""Mail through an SMTP server: one connection for each message, TLS unless the operator has said otherwise.

Knows SMTP and what a mail looks like. Sources: RFC 5321, RFC 5322, RFC 3207, RFC 8314, RFC 3834.
"""

import asyncio
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.utils import formatdate, parseaddr

import aiosmtplib

from app.outbound.address_guard import AddressGuard
from app.outbound.provider import DeliveryFailed, Outgoing
from app.smtp_address import MailServer

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
WHOLE_SECONDS = 25.0


class SmtpMail:
    """Hands mail to one server. `tls` verifies certificates; the default trusts the system's roots."""

    def __init__(
        self, server: MailServer, sender: str, guard: AddressGuard, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self._server = server
        self._sender = sender
        self._address = parseaddr(sender)[1]
        self._domain = self._address.rpartition("@")[2]
        self._guard = guard
        self._tls = None if server.protection == "none" else tls or ssl.create_default_context()

    async def deliver(self, outgoing: Outgoing) -> None:
        """As Provider says. Takes 25 seconds at most."""
        mail = self._mail(outgoing)
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                connection = await self._signed_in()
                try:
                    await connection.send_message(mail, sender=self._address, recipients=[outgoing.to])
                    with suppress(aiosmtplib.SMTPException):  # The mail was taken, however the goodbye goes.
                        await connection.quit()
                finally:
                    connection.close()
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            raise DeliveryFailed(f"recipient refused: {codes}", is_final=min(codes) >= 500) from error
        except aiosmtplib.SMTPDataError as error:
            raise DeliveryFailed(f"mail refused: {error.code}", is_final=error.code >= 500) from error
        except aiosmtplib.SMTPResponseException as error:
            raise DeliveryFailed(f"{type(error).__name__}: {error.code}") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise DeliveryFailed(type(error).__name__) from error

    async def close(self) -> None:
        """Holds nothing open."""

    async def _signed_in(self) -> aiosmtplib.SMTP:
        server = self._server
        connection = aiosmtplib.SMTP(
            hostname=server.host,  # For the certificate; the socket is connected already.
            sock=await self._guard.connect(server.host, server.port, seconds=CONNECT_SECONDS),
            username=server.username or None,
            password=server.password or None,
            local_hostname=self._domain,
            use_tls=server.protection == "tls",
            start_tls=server.protection == "starttls",  # True is "or fail".
            tls_context=self._tls,
            timeout=ANSWER_SECONDS,
        )
        try:
            await connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection

    def _mail(self, outgoing: Outgoing) -> EmailMessage:
        mail = EmailMessage()
        try:
            mail["From"] = self._sender
            mail["To"] = outgoing.to
            mail["Subject"] = outgoing.subject
        except ValueError as error:  # A line break: the header would become two.
            raise DeliveryFailed("a header that cannot be", is_final=True) from error
        mail["Date"] = formatdate(usegmt=True)
        mail["Message-ID"] = f"<{outgoing.id}@{self._domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(outgoing.text)
        return mail
