"""Ways out that lead nowhere: the terminal of a developer, and nothing at all."""

import sys

from app.outbound.provider import Channel, DeliveryFailed, Outgoing

MARKS: dict[Channel, str] = {"mail": "mail | ", "sms": "sms | "}


class Console:
    """Prints messages, so that a developer can follow a link. Production refuses it: a log is no place for secrets."""

    def __init__(self, channel: Channel) -> None:
        self._mark = MARKS[channel]

    async def deliver(self, outgoing: Outgoing) -> None:
        """Prints the message in one piece, each line after the channel's mark."""
        head = [f"To: {outgoing.to}", *([f"Subject: {outgoing.subject}"] if outgoing.subject else []), ""]
        lines = [*head, *outgoing.text.splitlines(), ""]
        sys.stdout.write("".join(f"{self._mark}{line}".rstrip() + "\n" for line in lines))
        sys.stdout.flush()

    async def close(self) -> None:
        """Holds nothing open."""


class Off:
    """The operator does without this channel: every message is refused for good."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def deliver(self, outgoing: Outgoing) -> None:  # noqa: ARG002 - as Provider says
        """Raises DeliveryFailed."""
        raise DeliveryFailed(f"{self._channel} is switched off", is_final=True)

    async def close(self) -> None:
        """Holds nothing open."""
