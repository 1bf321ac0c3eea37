"""The settings choose the way out, and nothing is loaded that is not used."""

import subprocess
import sys
from uuid import uuid4

import pytest

from app.outbound.breaker import WithBreaker
from app.outbound.console import Console, Off
from app.outbound.provider import DeliveryFailed, Outgoing
from app.outbound.providers import Providers
from app.settings import load_settings

OUTGOING = Outgoing(uuid4(), "ann@example.com", "Hello", "Follow\nhttps://todo.example.com/verify?token=abc")
MAIL = {"MAIL_PROVIDER": "smtp", "SMTP_URL": "smtp://mail.example.com", "MAIL_FROM": "todo@example.com"}
SMS = {"SMS_PROVIDER": "http", "SMS_URL": "https://sms.example.com/"}


def providers(**variables: str) -> Providers:
    return Providers(load_settings(**variables).outbound)


class TestChoice:
    async def test_development_has_a_console_for_both(self):
        chosen = providers()
        assert isinstance(chosen.of("mail"), Console)
        assert isinstance(chosen.of("sms"), Console)

    async def test_what_is_off_refuses_for_good(self):
        chosen = providers(MAIL_PROVIDER="off")
        assert isinstance(chosen.of("mail"), Off)
        with pytest.raises(DeliveryFailed) as failed:
            await chosen.of("mail").deliver(OUTGOING)
        assert failed.value.is_final

    async def test_real_servers_are_behind_breakers(self):
        chosen = providers(**MAIL, **SMS)
        assert isinstance(chosen.of("mail"), WithBreaker)
        assert isinstance(chosen.of("sms"), WithBreaker)
        assert chosen.of("sms") is chosen.of("sms"), "one breaker, however often it is asked for"
        await chosen.close()

    def test_a_process_that_sends_nothing_loads_neither_client(self):
        program = "import sys, app.cli; sys.exit(not {'httpx', 'aiosmtplib', 'stamina'}.isdisjoint(sys.modules))"
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


class TestConsole:
    async def test_it_prints_what_the_person_would_read(self, capsys: pytest.CaptureFixture[str]):
        await Console("mail").deliver(OUTGOING)
        assert capsys.readouterr().out.splitlines() == [
            "mail | To: ann@example.com",
            "mail | Subject: Hello",
            "mail |",
            "mail | Follow",
            "mail | https://todo.example.com/verify?token=abc",
            "mail |",
        ]
