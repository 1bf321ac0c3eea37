"""Sessions, refresh tokens, mailed tokens, API keys and login challenges. Only hashes of what proves something."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    func,
    text,
)

from app.database.schema import metadata, moment, uuid
from app.domain.users.tables import users

sessions = Table(
    "sessions",
    metadata,
    Column("id", uuid, primary_key=True),  # also the refresh-token family
    Column("user_id", uuid, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    Column("label", Text),  # what its user calls it, of 1 to 100 characters; null: not named
    Column("user_agent", Text, nullable=False),  # cut to 200 characters
    Column("address", Text, nullable=False),  # of the client at login
    Column("created_at", moment, nullable=False, server_default=func.now()),
    Column("last_seen_at", moment, nullable=False, server_default=func.now()),  # login or latest refresh
    Column("idle_expires_at", moment, nullable=False),  # moved on by each refresh
    Column("expires_at", moment, nullable=False),  # never moved
    Column("fresh_until", moment),  # sensitive commands ask for it; null: never proved, or to be proved again
    Column("revoked_at", moment),
    Column("revoked_reason", Text),  # one of session.Ending
)

# A user's sessions, newest first; logout-all.
Index("ix_sessions_user_id_created_at", sessions.c.user_id, sessions.c.created_at)
# The worker's purge of what has expired.
Index("ix_sessions_expires_at", sessions.c.expires_at)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),  # SHA-256 of a 256-bit random or derived token
    Column("session_id", uuid, ForeignKey(sessions.c.id, ondelete="CASCADE"), nullable=False),
    Column("created_at", moment, nullable=False, server_default=func.now()),
    Column("used_at", moment),  # set once, by the rotation that replaced it
)

# Deleting a session deletes its tokens.
Index("ix_refresh_tokens_session_id", refresh_tokens.c.session_id)

mailed_tokens = Table(
    "mailed_tokens",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),  # SHA-256 of a 256-bit random token
    Column("purpose", Text, nullable=False),  # one of mailed_tokens.Purpose
    # False: of a request that led to nothing, or replaced, or overtaken; kept until it expires, to be counted.
    Column("is_good", Boolean, nullable=False),
    Column("email", Text, nullable=False),  # where it went
    Column("email_key", Text, nullable=False),  # the address that was asked for, case-folded
    Column("user_id", uuid, ForeignKey(users.c.id, ondelete="CASCADE")),  # null: a registration, or nobody
    # Of a registration that can still be confirmed; null in all others.
    Column("name", Text),
    Column("password_hash", Text),
    Column("timezone", Text),
    Column("created_at", moment, nullable=False, server_default=func.clock_timestamp()),
    Column("expires_at", moment, nullable=False),
    CheckConstraint(
        "num_nonnulls(name, password_hash, timezone) = 3 * (is_good AND purpose = 'registration')::int",
        name="registration",
    ),
)

# How much mail an address was sent; its newest registration; replacing its older tokens.
Index("ix_mailed_tokens_email_key", mailed_tokens.c.email_key, mailed_tokens.c.created_at)
# What ends a user's tokens, and deleting the user.
Index("ix_mailed_tokens_user_id", mailed_tokens.c.user_id, postgresql_where=mailed_tokens.c.user_id.is_not(None))
# The worker's purge.
Index("ix_mailed_tokens_expires_at", mailed_tokens.c.expires_at)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", uuid, primary_key=True),
    Column("user_id", uuid, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("token_hash", LargeBinary, nullable=False),  # SHA-256 of 256 random bits and what surrounds them
    Column("scopes", ARRAY(Text), nullable=False),  # sorted; never changed
    Column("created_at", moment, nullable=False, server_default=func.now()),
    Column("expires_at", moment, nullable=False),  # never moved
    Column("last_used_at", moment),  # to a minute or so
    Column("last_used_address", Text),  # of the client then
    Column("revoked_at", moment),
    Column("revoked_reason", Text),  # revoked, rotated, revoked_by_administrator, deactivated
    CheckConstraint("char_length(name) BETWEEN 1 AND 100", name="name_length"),
    CheckConstraint("cardinality(scopes) > 0", name="scopes_not_empty"),
)

# Whose key somebody shows.
Index("uq_api_keys_token_hash", api_keys.c.token_hash, unique=True)
# A user's keys, newest first, and how many of them live.
Index("ix_api_keys_user_id_created_at", api_keys.c.user_id, api_keys.c.created_at)
# The worker's purge of those that ended long ago.
Index("ix_api_keys_ended_at", func.least(api_keys.c.expires_at, api_keys.c.revoked_at))

login_challenges = Table(
    "login_challenges",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),  # SHA-256 of a 256-bit random token
    Column("user_id", uuid, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    Column("proved_hash", LargeBinary, nullable=False),  # of the hash that was proved: another one ends it
    Column("client_hash", LargeBinary, nullable=False),  # of the program that proved it
    Column("attempts", BigInteger, nullable=False, server_default=text("0")),
    Column("expires_at", moment, nullable=False),
)

# The worker's purge of what has expired.
Index("ix_login_challenges_expires_at", login_challenges.c.expires_at)
# Deleting a user deletes their challenges.
Index("ix_login_challenges_user_id", login_challenges.c.user_id)
