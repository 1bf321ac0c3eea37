"""Second factors, recovery codes, and how many codes were sent. Secrets are encrypted, codes are hashed."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, LargeBinary, Table, Text, func
from sqlalchemy import text as sql

from app.database.schema import Sealed, metadata, moment, uuid
from app.domain.users.tables import users

second_factors = Table(
    "second_factors",
    metadata,
    Column("id", uuid, primary_key=True),
    Column("user_id", uuid, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    Column("method", Text, nullable=False),  # totp, sms, mail
    Column("sealed", Sealed),  # encrypted: the secret of an authenticator, the telephone number; null for mail
    Column("last_step", BigInteger),  # totp: no code of this time step or an earlier one is accepted any more
    Column("code_hash", LargeBinary),  # sms, mail: of the code that was sent last, until it is used
    Column("code_expires_at", moment),
    Column("code_tries", BigInteger, nullable=False, server_default=sql("0")),
    Column("created_at", moment, nullable=False, server_default=func.now()),
    Column("confirmed_at", moment),  # null: somebody is setting it up
    Column("last_used_at", moment),
    CheckConstraint("method IN ('totp', 'sms', 'mail')", name="method"),
)

# One of each kind that counts, found at every login; it may be replaced by one that is being set up.
Index(
    "uq_second_factors_confirmed",
    second_factors.c.user_id,
    second_factors.c.method,
    unique=True,
    postgresql_where=second_factors.c.confirmed_at.is_not(None),
)
# One of each kind that is being set up.
Index(
    "uq_second_factors_pending",
    second_factors.c.user_id,
    second_factors.c.method,
    unique=True,
    postgresql_where=second_factors.c.confirmed_at.is_(None),
)
# All of a user's at once: when they are removed, or the user is.
Index("ix_second_factors_user_id", second_factors.c.user_id)
# The worker's purge of what nobody has finished setting up.
Index(
    "ix_second_factors_pending_created_at",
    second_factors.c.created_at,
    postgresql_where=second_factors.c.confirmed_at.is_(None),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("user_id", uuid, ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    Column("code_hash", LargeBinary, primary_key=True),  # SHA-256 of the user's id and 120 random bits
    Column("used_at", moment),
)

code_sendings = Table(
    "code_sendings",
    metadata,
    Column(
        "recipient_index", LargeBinary, primary_key=True
    ),  # blind index: of a user's method, and of a telephone number
    Column("sent", BigInteger, nullable=False),  # since `since`
    Column("since", moment, nullable=False),
    Column("last_at", moment, nullable=False),
)

# The worker's purge of what is older than a day.
Index("ix_code_sendings_since", code_sendings.c.since)
