"""Blocks of clients, past and present. Rows are added and lifted, and deleted a month after their end."""

from sqlalchemy import ARRAY, Column, Double, ForeignKey, Index, SmallInteger, Table, Text, func

from app.database.schema import metadata, moment, uuid
from app.domain.users.tables import users

address_blocks = Table(
    "address_blocks",
    metadata,
    Column("id", uuid, primary_key=True),
    Column("client_key", Text, nullable=False),  # an IPv4 address, or an IPv6 network of 64 bits
    Column("strike", SmallInteger, nullable=False),  # the how-manieth within a week; 0: an administrator's decision
    Column("signals", ARRAY(Text), nullable=False),  # what led to it, the weightiest first
    Column("score", Double, nullable=False),  # points at that moment
    Column("note", Text, nullable=False),  # an administrator's reason
    Column("since", moment, nullable=False, server_default=func.now()),
    Column("until", moment, nullable=False),
    Column("created_by", uuid, ForeignKey(users.c.id, ondelete="SET NULL")),
    Column("lifted_at", moment),
    Column("lifted_by", uuid, ForeignKey(users.c.id, ondelete="SET NULL")),  # null as well if it was the command line
    # When it was made or lifted, by the clock: other processes look for what is new.
    Column("changed_at", moment, nullable=False, server_default=func.clock_timestamp()),
)

# The list for administrators, newest first.
Index("ix_address_blocks_since", address_blocks.c.since, address_blocks.c.id)
# How often a client was blocked, and whether it is; the list of one client.
Index("ix_address_blocks_client_key_since", address_blocks.c.client_key, address_blocks.c.since, address_blocks.c.id)
# What holds now, when a process starts; the list of those that hold; the worker's purge.
Index("ix_address_blocks_until", address_blocks.c.until)
# What has changed within the last seconds, asked by every process every second.
Index("ix_address_blocks_changed_at", address_blocks.c.changed_at)
