"""Writes and delivers messages.

A message is a row of the transaction that causes it, so there is none without the change and no change without it. It
is delivered at least once: whoever dies between the delivery and its record leaves it to the next, under the same id.
"""

import asyncio
import random
from collections.abc import Collection
from datetime import timedelta
from functools import partial
from uuid import UUID

from app.database.executor import Database, Transaction
from app.domain.ids import uuid7
from app.domain.messages import repository
from app.domain.messages.message import Message, MessageId
from app.domain.messages.repository import Claimed, Outcome, Waiting
from app.domain.text import fold
from app.domain.unit_of_work import in_batches, unit_of_work
from app.field_encryption import FieldCipher, Place, Unreadable
from app.outbound.provider import Channel, DeliveryFailed, Outgoing, Provider
from app.telemetry.logging import get_logger

BATCH = 10
DELIVERY_SECONDS = 40.0
# Longer than an attempt can take, so that nobody else begins before it has ended.
LEASE = timedelta(seconds=60)
LONGEST_PAUSE_SECONDS = 60.0
KEPT = timedelta(days=7)
PURGE_BATCH = 500
FIRST_ID = MessageId(UUID(int=0))
TABLE = "messages"

log = get_logger(__name__)


async def send(work: Transaction, cipher: FieldCipher, message: Message) -> MessageId:
    """Has the worker deliver the message once `work` is committed, within a second or so; its id. One round trip."""
    message_id = MessageId(uuid7())
    parts = {"recipient": message.to, "subject": message.subject, "content": message.text}
    await repository.insert_message(
        work,
        message_id,
        kind=message.kind,
        channel=message.channel,
        sealed={name: cipher.encrypt(text, place=Place(TABLE, name, message_id)) for name, text in parts.items()},
        lifetime=message.lifetime,
    )
    return message_id


async def deliver(database: Database, cipher: FieldCipher, provider: Provider, channel: Channel) -> int:
    """Delivers what is due on one channel, ten at a time, until nothing is; how many attempts were made."""
    attempts = 0
    while True:
        async with unit_of_work(database) as work:
            claimed = await repository.claim(work, channel=channel, limit=BATCH, lease=LEASE)
        await asyncio.gather(*(_handle(database, cipher, provider, each) for each in claimed))
        attempts += len(claimed)
        if len(claimed) < BATCH:
            return attempts


async def purge(database: Database) -> int:
    """Deletes what is left of messages a week after they ended, in batches of 500; how many."""
    return await in_batches(database, partial(repository.purge, kept=KEPT), PURGE_BATCH)


async def forget(database: Database, cipher: FieldCipher, recipients: Collection[str]) -> int:
    """Deletes what has not been delivered yet to any of the recipients; how many messages.

    Whatever the case in which they are written. Opens every message that waits, 500 at a time. One that cannot be
    opened cannot be delivered either, and is wiped when it expires.
    """
    wanted, deleted, after = {fold(recipient) for recipient in recipients}, 0, FIRST_ID
    while True:
        batch = await repository.waiting(database.reader, after=after, limit=PURGE_BATCH)
        if found := [each.id for each in batch if _recipient(cipher, each) in wanted]:
            async with unit_of_work(database) as work:
                deleted += await repository.delete_waiting(work, found)
        if len(batch) < PURGE_BATCH:
            return deleted
        after = batch[-1].id


def _recipient(cipher: FieldCipher, waiting: Waiting) -> str | None:
    try:
        return fold(cipher.decrypt(waiting.recipient, place=Place(TABLE, "recipient", waiting.id)))
    except Unreadable:
        return None


async def _handle(database: Database, cipher: FieldCipher, provider: Provider, claimed: Claimed) -> None:
    """One attempt and its record. What goes wrong with one message never stops the others."""
    outcome = await _outcome(cipher, provider, claimed)
    async with unit_of_work(database) as work:
        if outcome is None:
            await repository.postpone(work, claimed, pause=pause_after(claimed.attempts))
        else:
            await repository.finish(work, claimed, outcome)


async def _outcome(cipher: FieldCipher, provider: Provider, claimed: Claimed) -> Outcome | None:
    """How the message ended; None if it is to be tried again."""
    facts = {"message_id": str(claimed.id), "kind": claimed.kind, "attempts": claimed.attempts}
    if claimed.is_expired:
        log.warning("message expired", **facts)
        return "expired"
    try:
        async with asyncio.timeout(DELIVERY_SECONDS):
            await provider.deliver(_opened(cipher, claimed))
    except DeliveryFailed as error:
        log.warning("message not delivered", **facts, reason=str(error), is_final=error.is_final)
        return "refused" if error.is_final else None
    except (Unreadable, TimeoutError) as error:
        log.error("message not delivered", **facts, reason=str(error) or "out of time")  # noqa: TRY400 - it says all
        return None
    except Exception:
        log.exception("message not delivered", **facts)
        return None
    log.info("message delivered", **facts)
    return "delivered"


def _opened(cipher: FieldCipher, claimed: Claimed) -> Outgoing:
    """Raises Unreadable."""
    recipient, subject, content = (
        cipher.decrypt(sealed, place=Place(TABLE, column, claimed.id))
        for column, sealed in (
            ("recipient", claimed.recipient),
            ("subject", claimed.subject),
            ("content", claimed.content),
        )
    )
    return Outgoing(claimed.id, recipient, subject, content)


def pause_after(attempts: int) -> timedelta:
    """How long a message waits after so many attempts: 1-2 seconds, doubled each time, a minute at most."""
    seconds = min(2.0**attempts, LONGEST_PAUSE_SECONDS)
    return timedelta(seconds=seconds * random.uniform(0.5, 1.0))  # noqa: S311 - it only keeps retries apart
