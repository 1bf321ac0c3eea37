"""The SQL of messages. Every clock is Postgres' own, so workers cannot disagree on what is due."""

from datetime import timedelta
from typing import Literal

from msgspec import Struct
from sqlalchemy import (
    ARRAY,
    Integer,
    Interval,
    LargeBinary,
    Text,
    bindparam,
    delete,
    func,
    insert,
    null,
    select,
    update,
)

from app.database.executor import Reader, Transaction
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.messages.message import MessageId
from app.domain.messages.tables import messages
from app.outbound.provider import Channel

Outcome = Literal["delivered", "refused", "expired"]

m = messages.c

_id = bindparam("message_id", type_=uuid)
_limit = bindparam("limit", type_=Integer)


class Claimed(Struct, frozen=True):
    """A message that is this worker's until its lease ends. `attempts` counts the one that is to be made now."""

    id: MessageId
    kind: str
    attempts: int
    recipient: bytes
    subject: bytes
    content: bytes
    is_expired: bool


class Waiting(Struct, frozen=True):
    """A message that has not ended yet, and the recipient as it is stored."""

    id: MessageId
    recipient: bytes


_INSERT = Change(
    "messages.insert",
    insert(messages).values(
        id=_id,
        kind=bindparam("kind", type_=Text),
        channel=bindparam("channel", type_=Text),
        recipient=bindparam("recipient", type_=LargeBinary),
        subject=bindparam("subject", type_=LargeBinary),
        content=bindparam("content", type_=LargeBinary),
        expires_at=func.now() + bindparam("lifetime", type_=Interval),
    ),
    scalar,
)
_due = (
    select(m.id)
    .where(m.channel == bindparam("channel", type_=Text), m.finished_at.is_(None), m.next_attempt_at <= func.now())
    .order_by(m.next_attempt_at, m.id)
    .limit(_limit)
    .with_for_update(skip_locked=True)
    .cte("due")
)
_CLAIM = Change(
    "messages.claim",
    update(messages)
    .where(m.id == _due.c.id)
    .values(attempts=m.attempts + 1, next_attempt_at=func.now() + bindparam("lease", type_=Interval))
    .returning(m.id, m.kind, m.attempts, m.recipient, m.subject, m.content, m.expires_at <= func.now()),
    Claimed,
)
# Whoever's lease has ended meanwhile finds another number of attempts, and leaves the message to its new owner.
_mine = (m.id == _id, m.attempts == bindparam("attempts", type_=Integer), m.finished_at.is_(None))
_FINISH = Change(
    "messages.finish",
    update(messages)
    .where(*_mine)
    .values(
        finished_at=func.now(),
        outcome=bindparam("outcome", type_=Text),
        recipient=null(),
        subject=null(),
        content=null(),
    )
    .returning(m.id),
    scalar,
)
_POSTPONE = Change(
    "messages.postpone",
    # It is looked at once more when it expires, and then wiped.
    update(messages)
    .where(*_mine)
    .values(next_attempt_at=func.least(func.now() + bindparam("pause", type_=Interval), m.expires_at))
    .returning(m.id),
    scalar,
)
_finished = (
    select(m.id)
    .where(m.finished_at <= func.now() - bindparam("kept", type_=Interval))
    .order_by(m.finished_at)
    .limit(_limit)
    .with_for_update(skip_locked=True)
    .cte("finished")
)
_PURGE = Change("messages.purge", delete(messages).where(m.id == _finished.c.id).returning(m.id), scalar)


_WAITING = Query(
    "messages.waiting",
    select(m.id, m.recipient).where(m.id > _id, m.finished_at.is_(None)).order_by(m.id).limit(_limit),
    Waiting,
)
_DELETE = Change(
    "messages.delete",
    delete(messages)
    .where(m.id == func.any(bindparam("ids", type_=ARRAY(uuid))), m.finished_at.is_(None))
    .returning(m.id),
    scalar,
)


async def insert_message(
    work: Transaction,
    message_id: MessageId,
    *,
    kind: str,
    channel: Channel,
    sealed: dict[str, bytes],
    lifetime: timedelta,
) -> None:
    """Adds a message; `sealed` has its recipient, subject and content."""
    await work.run(_INSERT, message_id=message_id, kind=kind, channel=channel, lifetime=lifetime, **sealed)


async def claim(work: Transaction, *, channel: Channel, limit: int, lease: timedelta) -> list[Claimed]:
    """At most `limit` messages that are due, which nobody else gets before the lease ends."""
    return await work.all(_CLAIM, channel=channel, limit=limit, lease=lease)


async def finish(work: Transaction, claimed: Claimed, outcome: Outcome) -> bool:
    """Wipes a claimed message and keeps how it ended; False if it was another's again."""
    finished = await work.first(_FINISH, message_id=claimed.id, attempts=claimed.attempts, outcome=outcome)
    return finished is not None


async def postpone(work: Transaction, claimed: Claimed, *, pause: timedelta) -> None:
    """Makes a claimed message due again after the pause."""
    await work.run(_POSTPONE, message_id=claimed.id, attempts=claimed.attempts, pause=pause)


async def purge(work: Transaction, *, kept: timedelta, limit: int) -> int:
    """Deletes at most `limit` messages that ended longer ago than `kept`; how many."""
    return len(await work.all(_PURGE, kept=kept, limit=limit))


async def waiting(reader: Reader, *, after: MessageId, limit: int) -> list[Waiting]:
    """Messages that have not ended, in the order of their ids from `after` on."""
    return await reader.all(_WAITING, message_id=after, limit=limit)


async def delete_waiting(work: Transaction, message_ids: list[MessageId]) -> int:
    """Deletes those of the messages that have not ended; how many."""
    return len(await work.all(_DELETE, ids=message_ids))
