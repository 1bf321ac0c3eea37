"""A message to one person, and what may stand in it.

Knows what a recipient and a header look like; refuses to know how a message leaves.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NewType
from uuid import UUID

from app.domain import text
from app.outbound.provider import Channel

MessageId = NewType("MessageId", UUID)

SUBJECT_MAXIMUM = 200
TEXT_MAXIMUM = 20_000

_KIND = re.compile("[a-z][a-z_]{0,39}")
_RECIPIENTS: dict[Channel, re.Pattern[str]] = {
    # One address in ASCII, without what parts addresses, names and comments in a header. In it is every address that an
    # account can have: 254 characters have room for 126 dots.
    "mail": re.compile(r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-zA-Z0-9-]{1,63}(?:\.[a-zA-Z0-9-]{1,63}){0,126}"),
    "sms": re.compile(r"\+[1-9][0-9]{6,14}"),  # E.164
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent to whom. `kind` is stored in the clear and logged: `password_reset`, never anything of a person.

    After `lifetime` it is not delivered any more. Raises ValueError for what no message may hold: callers check what
    people entered before. Recipient and content are left out of its representation.
    """

    kind: str
    channel: Channel
    to: str = field(repr=False)
    text: str = field(repr=False)
    subject: str = field(default="", repr=False)
    lifetime: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        if not _KIND.fullmatch(self.kind):
            raise ValueError("the kind of a message has 1-40 letters a-z and _")
        if not _RECIPIENTS[self.channel].fullmatch(self.to):
            raise ValueError(f"that is no recipient of {self.channel}")
        if len(self.subject) > SUBJECT_MAXIMUM or len(self.text) > TEXT_MAXIMUM:
            raise ValueError(f"a subject has at most {SUBJECT_MAXIMUM} characters, a text {TEXT_MAXIMUM}")
        text.single_line(self.subject)
        text.multi_line(self.text)
        if self.lifetime <= timedelta(0):
            raise ValueError("a message that has expired is not sent")
