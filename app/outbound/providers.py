"""The ways out that the settings choose, each built when it is first used and kept.

A process that sends nothing imports neither httpx nor aiosmtplib: 3 MB and 0.1 s (Python 3.11, 2026-11-21).
"""

from app.outbound.address_guard import AddressGuard
from app.outbound.breaker import Breaker, WithBreaker
from app.outbound.console import Console, Off
from app.outbound.provider import Channel, Provider
from app.setting_groups import OutboundSettings


class Providers:
    """One provider for each channel."""

    def __init__(self, settings: OutboundSettings) -> None:
        self._settings = settings
        self._guard = AddressGuard(settings.allowed_networks)
        self._built: dict[Channel, Provider] = {}

    def of(self, channel: Channel) -> Provider:
        """The way out for a channel."""
        if channel not in self._built:
            self._built[channel] = self._mail() if channel == "mail" else self._sms()
        return self._built[channel]

    async def close(self) -> None:
        """Closes what was built."""
        for provider in self._built.values():
            await provider.close()

    def _mail(self) -> Provider:
        settings = self._settings
        if settings.mail_provider != "smtp":
            return Console("mail") if settings.mail_provider == "console" else Off("mail")
        from app.outbound.smtp_mail import SmtpMail  # noqa: PLC0415 - only a process that sends mail loads aiosmtplib

        return WithBreaker(SmtpMail(settings.mail_server, settings.mail_from, self._guard), Breaker("mail"))

    def _sms(self) -> Provider:
        settings = self._settings
        if settings.sms_provider != "http":
            return Console("sms") if settings.sms_provider == "console" else Off("sms")
        from app.outbound.http_client import HttpClient  # noqa: PLC0415 - as above, for httpx
        from app.outbound.http_sms import HttpSms  # noqa: PLC0415 - as above

        token = settings.sms_token.get_secret_value()
        return WithBreaker(HttpSms(HttpClient(self._guard), settings.sms_url, token), Breaker("sms"))
