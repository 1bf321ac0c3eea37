"""What the service writes to people: read from the database before anybody delivers it, or caught on its way out."""

import re
from dataclasses import dataclass, field

import asyncpg
from sqlalchemy import Integer, bindparam, select

from app.database.executor import Database
from app.database.statements import Query
from app.domain.messages.tables import messages
from app.field_encryption import FieldCipher, Place, Unreadable
from app.outbound.provider import Channel, DeliveryFailed, Outgoing

m = messages.c
UNDELIVERED = Query(
    "tests.messages",
    select(m.id, m.kind, m.channel, m.recipient, m.subject, m.content)
    .where(m.finished_at.is_(None))
    .order_by(m.created_at.desc(), m.id.desc())
    .limit(bindparam("newest", type_=Integer)),
    lambda *row: row,
)


@dataclass(frozen=True)
class Sent:
    """One message as its recipient would read it."""

    kind: str
    channel: Channel
    to: str
    subject: str
    text: str

    @property
    def link(self) -> str:
        """The first address in the text."""
        found = re.search(r"https?://\S+", self.text)
        assert found, self.text
        return found.group()

    @property
    def code(self) -> str:
        """The first number of six digits in the text."""
        found = re.search(r"(?<!\d)\d{6}(?!\d)", self.text)
        assert found, self.text
        return found.group()


@dataclass(frozen=True)
class Outbox:
    """Messages that wait for the worker. People in tests have addresses of their own, so ask for theirs."""

    database: Database
    cipher: FieldCipher

    async def to(self, recipient: str, *, among: int | None = None) -> list[Sent]:
        """All messages to this recipient, in the order in which they were written; those among the newest ones."""
        found = []
        for message_id, kind, channel, *sealed in await self.database.reader.all(UNDELIVERED, newest=among):
            places = [Place("messages", column, message_id) for column in ("recipient", "subject", "content")]
            try:
                if self.cipher.decrypt(sealed[0], place=places[0]) != recipient:
                    continue
                subject, text = map(self._read, sealed[1:], places[1:])
            except Unreadable:  # Of a test that has keys of its own.
                continue
            found.append(Sent(kind, channel, recipient, subject, text))
        return found[::-1]

    async def last_to(self, recipient: str) -> Sent:
        """The newest message to this recipient, which there must be."""
        found = await self.to(recipient, among=20) or await self.to(recipient)
        assert found, "nothing was written to this recipient"
        return found[-1]

    def _read(self, sealed: bytes, place: Place) -> str:
        return self.cipher.decrypt(sealed, place=place)


@dataclass
class FakeProvider:
    """Takes messages, unless it has been told how to fail: each failure is used up by one attempt."""

    taken: list[Outgoing] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    attempts: int = 0

    async def deliver(self, outgoing: Outgoing) -> None:
        self.attempts += 1
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(outgoing)

    async def close(self) -> None:
        """Holds nothing open."""

    def to(self, recipient: str) -> list[Outgoing]:
        """What it took for this recipient."""
        return [outgoing for outgoing in self.taken if outgoing.to == recipient]


def later() -> DeliveryFailed:
    """What a server says that may take the message another time."""
    return DeliveryFailed("not now")


def never() -> DeliveryFailed:
    """What a server says that will not take it at all."""
    return DeliveryFailed("not you", is_final=True)


async def empty_messages(database_url: str) -> None:
    """Forgets the messages of earlier tests."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("DELETE FROM messages")
    finally:
        await connection.close()
