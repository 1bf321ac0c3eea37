"""Mail over SMTP, to a real server: what it gets, what is refused, and that nothing is said in the clear."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from typing import Any
from uuid import uuid4

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from hypothesis import given
from hypothesis import strategies as st

from app.domain.messages.message import _RECIPIENTS
from app.outbound import smtp_mail
from app.outbound.address_guard import AddressGuard
from app.outbound.provider import DeliveryFailed, Outgoing
from app.outbound.smtp_mail import SmtpMail
from app.smtp_address import MailServer, Protection, mail_server_at
from tests.listeners import serving
from tests.outbound.conftest import Tls, silence

FROM = "Todo <no-reply@example.com>"
OUTGOING = Outgoing(uuid4(), "ann@example.com", "Grüße: your code", "Hello Ann,\n\nyour code is 123456.\n.\nBye ✓\n")


class Inbox:
    """What a mail server took, and the answers that it gives instead of taking."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.envelopes: list[Any] = []
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 - aiosmtpd's name
        envelope.rcpt_tos.append(address)
        return self.answers.get("rcpt", "250 OK")

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - as above
        if "data" not in self.answers:
            self.envelopes.append(envelope)
        return self.answers.get("data", "250 taken")

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"sesame", handled=False)

    def mail(self) -> Any:
        """The one mail that arrived."""
        (envelope,) = self.envelopes
        return message_from_bytes(envelope.content, policy=policy.default)


@asynccontextmanager
async def mail_server(
    inbox: Inbox, *, tls: ssl.SSLContext | None = None, from_the_start: bool = False, **options: Any
) -> AsyncIterator[int]:
    """The port of a mail server; with `tls` it offers STARTTLS, or speaks nothing else `from_the_start`."""

    def protocol() -> SMTP:
        return SMTP(
            inbox,
            hostname="provider.example.com",
            tls_context=None if from_the_start else tls,
            authenticator=inbox.authenticate,
            loop=asyncio.get_running_loop(),
            **options,
        )

    server = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", 0, ssl=tls if from_the_start else None
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def at(port: int, protection: Protection = "starttls", **credentials: str) -> MailServer:
    return MailServer(host="provider.example.com", port=port, protection=protection, **credentials)


class TestMail:
    async def test_it_arrives_as_it_was_written(self, local: AddressGuard, tls: Tls):
        inbox = Inbox()
        async with mail_server(inbox, tls=tls.server, require_starttls=True) as port:
            await SmtpMail(at(port), FROM, local, tls=tls.client).deliver(OUTGOING)
        (envelope,) = inbox.envelopes
        assert (envelope.mail_from, envelope.rcpt_tos) == ("no-reply@example.com", ["ann@example.com"])
        mail = inbox.mail()
        assert (mail["From"], mail["To"], mail["Subject"]) == (FROM, "ann@example.com", OUTGOING.subject)
        assert mail.get_content().replace("\r\n", "\n") == OUTGOING.text
        assert mail["Message-ID"] == f"<{OUTGOING.id}@example.com>", "the same at every attempt"
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["Date"].datetime is not None

    async def test_tls_from_the_first_byte_and_a_password(self, local: AddressGuard, tls: Tls):
        inbox = Inbox()
        async with mail_server(inbox, tls=tls.server, from_the_start=True, auth_require_tls=False) as port:
            server = at(port, "tls", username="todo", password="sesame")
            await SmtpMail(server, FROM, local, tls=tls.client).deliver(OUTGOING)
        assert inbox.logins == [(b"todo", b"sesame")]
        assert len(inbox.envelopes) == 1

    async def test_no_tls_where_the_operator_says_so(self, local: AddressGuard):
        inbox = Inbox()
        async with mail_server(inbox) as port:
            await SmtpMail(at(port, "none"), FROM, local).deliver(OUTGOING)
        assert len(inbox.envelopes) == 1

    @given(st.from_regex(_RECIPIENTS["mail"], fullmatch=True))
    def test_every_recipient_that_a_message_may_have_stays_one_and_the_same(self, to: str):
        mail = SmtpMail(at(25, "none"), FROM, AddressGuard())._mail(Outgoing(uuid4(), to, "s", "t"))
        read = message_from_bytes(mail.as_bytes(policy=policy.SMTP), policy=policy.compat32)
        assert "".join(str(read["To"]).split()) == to
        assert read.keys().count("To") == 1

    @pytest.mark.parametrize("part", ["to", "subject"])
    async def test_a_second_header_cannot_be_smuggled_in(self, local: AddressGuard, part: str):
        """Message refuses line breaks already; this is the second lock on the same door."""
        parts = {"to": "ann@example.com", "subject": "s", part: "x\r\nBcc: bob@example.com"}
        with pytest.raises(DeliveryFailed) as failed:
            await SmtpMail(at(1, "none"), FROM, local).deliver(Outgoing(uuid4(), text="t", **parts))
        assert failed.value.is_final


class TestProtection:
    async def test_a_server_without_starttls_gets_nothing(self, local: AddressGuard, tls: Tls):
        """As if somebody in between had removed the offer."""
        inbox = Inbox()
        async with mail_server(inbox, auth_require_tls=False) as port:
            server = at(port, username="todo", password="sesame")
            with pytest.raises(DeliveryFailed):
                await SmtpMail(server, FROM, local, tls=tls.client).deliver(OUTGOING)
        assert (inbox.envelopes, inbox.logins) == ([], [])

    @pytest.mark.parametrize("protection", ["tls", "starttls"])
    async def test_a_certificate_that_is_not_trusted_gets_nothing(
        self, local: AddressGuard, tls: Tls, protection: Protection
    ):
        inbox = Inbox()
        async with mail_server(inbox, tls=tls.server, from_the_start=protection == "tls") as port:
            for server, client in (
                (at(port, protection), ssl.create_default_context()),
                (MailServer(host="another.example.com", port=port, protection=protection), tls.client),
            ):
                with pytest.raises(DeliveryFailed):
                    await SmtpMail(server, FROM, local, tls=client).deliver(OUTGOING)
        assert inbox.envelopes == []

    async def test_a_private_address_is_not_called(self):
        inbox = Inbox()
        async with mail_server(inbox) as port:
            server = mail_server_at(f"smtp://localhost:{port}?starttls=off")
            with pytest.raises(DeliveryFailed, match="AddressRefused"):
                await SmtpMail(server, FROM, AddressGuard()).deliver(OUTGOING)
        assert inbox.envelopes == []


class TestRefusal:
    @pytest.mark.parametrize(
        ("answers", "is_final"),
        [
            ({"rcpt": "550 nobody of that name"}, True),
            ({"rcpt": "451 greylisted"}, False),
            ({"data": "554 spam"}, True),
            ({"data": "452 disk full"}, False),
        ],
    )
    async def test_the_server_says_whether_it_is_worth_another_try(
        self, local: AddressGuard, answers: dict[str, str], *, is_final: bool
    ):
        async with mail_server(Inbox(**answers)) as port:
            with pytest.raises(DeliveryFailed) as failed:
                await SmtpMail(at(port, "none"), FROM, local).deliver(OUTGOING)
        assert failed.value.is_final is is_final
        assert "ann" not in str(failed.value)

    async def test_a_wrong_password_is_a_fault_of_ours(self, local: AddressGuard, tls: Tls):
        async with mail_server(Inbox(), tls=tls.server) as port:
            server = at(port, username="todo", password="wrong")
            with pytest.raises(DeliveryFailed, match="SMTPAuthenticationError: 535") as failed:
                await SmtpMail(server, FROM, local, tls=tls.client).deliver(OUTGOING)
        assert not failed.value.is_final


class TestTime:
    async def test_a_server_that_never_greets(self, local: AddressGuard, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(smtp_mail, "ANSWER_SECONDS", 0.1)
        async with serving(silence) as port:
            with pytest.raises(DeliveryFailed, match="Timeout"):
                await SmtpMail(at(port, "none"), FROM, local).deliver(OUTGOING)

    async def test_a_server_that_talks_without_end(self, local: AddressGuard, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(smtp_mail, "WHOLE_SECONDS", 0.3)

        async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                writer.write(b"220-and another thing\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)

        async with serving(talk) as port:
            with pytest.raises(DeliveryFailed, match="Timeout"):
                await SmtpMail(at(port, "none"), FROM, local).deliver(OUTGOING)

    async def test_a_server_that_is_not_there(self, local: AddressGuard):
        with pytest.raises(DeliveryFailed, match="ConnectionRefused") as failed:
            await SmtpMail(at(1, "none"), FROM, local).deliver(OUTGOING)
        assert not failed.value.is_final
