"""Messages on their way, and for a week that there were some: what they said and to whom is wiped with delivery."""

from sqlalchemy import CheckConstraint, Column, Index, SmallInteger, Table, Text, func, text

from app.database.schema import Sealed, metadata, moment, uuid

messages = Table(
    "messages",
    metadata,
    Column("id", uuid, primary_key=True),  # also Message-ID and Idempotency-Key
    Column("kind", Text, nullable=False),
    Column("channel", Text, nullable=False),  # mail, sms
    Column("recipient", Sealed),
    Column("subject", Sealed),
    Column("content", Sealed),
    # Not now(): messages of one transaction keep their order.
    Column("created_at", moment, nullable=False, server_default=func.clock_timestamp()),
    Column("expires_at", moment, nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    # While an attempt is made it lies behind the longest one: if the worker dies, another takes the message then.
    Column("next_attempt_at", moment, nullable=False, server_default=func.now()),
    Column("finished_at", moment),
    Column("outcome", Text),  # delivered, refused, expired
    CheckConstraint(
        "num_nonnulls(recipient, subject, content) = CASE WHEN finished_at IS NULL THEN 3 ELSE 0 END",
        name="wiped_when_finished",
    ),
    CheckConstraint("(finished_at IS NULL) = (outcome IS NULL)", name="outcome_when_finished"),
)

# The worker's next messages of one channel.
Index(
    "ix_messages_due",
    messages.c.channel,
    messages.c.next_attempt_at,
    messages.c.id,
    postgresql_where=text("finished_at IS NULL"),
)
# The worker's purge.
Index("ix_messages_finished_at", messages.c.finished_at, postgresql_where=text("finished_at IS NOT NULL"))
