"""The tables of the audit log. Only functions of the database write them; the migrations say how."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)

from app.database.schema import metadata, moment, uuid

audit_log = Table(
    "audit_log",
    metadata,
    Column("at", moment, primary_key=True, server_default=func.clock_timestamp()),  # decides the partition: its month
    Column("id", uuid, primary_key=True),
    Column("actor_kind", Text, nullable=False),  # user, token, anonymous, system, operator
    Column("actor_id", uuid),  # no foreign key: what somebody did outlives their account
    Column("token_id", uuid),
    Column("action", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("subject_kind", Text),
    Column("subject_id", Text),
    Column("team_id", uuid),
    Column("request_id", Text),
    Column("address", Text),
    Column("changed", JSON),  # field -> [before, after]; not JSONB, because the very text is what was hashed
    Column("chain", SmallInteger, nullable=False),
    Column("number", BigInteger, nullable=False),  # place in the chain of its month, from 1
    # Hash of salt, address and changed; stands in for them in the chain, so that a person can be forgotten.
    Column("salt", LargeBinary),
    Column("seal", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),  # of the row before, and of everything above
    Column("forgotten_by", uuid),  # the entry that says whose name was taken out of this one
    CheckConstraint("actor_kind IN ('user', 'token', 'anonymous', 'system', 'operator')", name="actor_kind"),
    CheckConstraint("outcome IN ('done', 'refused')", name="outcome"),
    postgresql_partition_by="RANGE (at)",
)

# Verification, one chain of one month after another.
Index("ix_audit_log_chain", audit_log.c.chain, audit_log.c.number)
# What somebody did, newest first; the other three are administrators' filters.
Index("ix_audit_log_actor", audit_log.c.actor_id, audit_log.c.at, audit_log.c.id)
Index("ix_audit_log_subject", audit_log.c.subject_kind, audit_log.c.subject_id, audit_log.c.at, audit_log.c.id)
Index("ix_audit_log_team", audit_log.c.team_id, audit_log.c.at, audit_log.c.id)
Index("ix_audit_log_action", audit_log.c.action, audit_log.c.at, audit_log.c.id)
# What was refused, newest first: few rows among many.
Index("ix_audit_log_refused", audit_log.c.at, audit_log.c.id, postgresql_where=text("outcome = 'refused'"))
# Everything that one request did.
Index("ix_audit_log_request", audit_log.c.request_id)

audit_chains = Table(
    "audit_chains",
    metadata,
    Column("month", Date, primary_key=True),  # its first day
    Column("chain", SmallInteger, primary_key=True),
    # The last row of the chain, by which rows that are missing at its end are noticed.
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    # The last row that was dropped because it was old enough; what follows begins from there.
    Column("dropped_number", BigInteger, nullable=False),
    Column("dropped_hash", LargeBinary, nullable=False),
)

audit_policy = Table(
    "audit_policy",
    metadata,
    Column("is_policy", Boolean, primary_key=True, server_default=text("true")),  # there is one row
    Column("kept_days", BigInteger, nullable=False),  # a month goes when its last day is so long ago
    CheckConstraint("is_policy", name="is_only_one"),
    CheckConstraint("kept_days >= 90", name="kept_days"),
)
