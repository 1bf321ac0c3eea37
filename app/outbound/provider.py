"""What every way out has in common: what it is given to deliver, and how it says that it could not."""

from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

Channel = Literal["mail", "sms"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on its way. The `id` is the same at every attempt, so that the other side can tell a repetition.

    Recipient and content are left out of its representation: they do not belong into a log.
    """

    id: UUID
    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)


class DeliveryFailed(Exception):
    """The message was not taken, or nobody knows whether it was. The reason names nobody.

    `is_final`: the other side will not take it later either.
    """

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


class Provider(Protocol):
    """A way out."""

    async def deliver(self, outgoing: Outgoing) -> None:
        """Returns when the other side has taken the message. Raises DeliveryFailed."""

    async def close(self) -> None:
        """Gives up what it holds open."""
