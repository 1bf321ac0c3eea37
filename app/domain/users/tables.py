"""The users table."""

from sqlalchemy import ARRAY, BigInteger, Boolean, CheckConstraint, Column, Index, Table, Text, and_, func, text

from app.database.schema import metadata, moment, uuid

users = Table(
    "users",
    metadata,
    Column("id", uuid, primary_key=True),
    Column("email", Text, nullable=False),  # as the person writes it
    Column("email_key", Text, nullable=False),  # case-folded; what uniqueness and login compare
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),  # case-folded, for search
    Column("password_hash", Text, nullable=False),  # argon2id in PHC format
    # Too easily guessed to stand alone: the last second factor stays until there is another password.
    Column("password_needs_factor", Boolean, nullable=False, server_default=text("false")),
    Column("second_factor_since", moment),  # set while there is a second factor: login asks for it
    Column("roles", ARRAY(Text), nullable=False, server_default=text("'{}'")),  # of the whole service: admin
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column("timezone", Text, nullable=False, server_default=text("'UTC'")),  # IANA name; decides what "today" is
    Column("locale", Text, nullable=False, server_default=text("'en'")),  # BCP 47
    Column("email_verified_at", moment),
    Column("deletion_scheduled_at", moment),  # set: nobody comes in any more, and from then on the account is erased
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    Column("created_at", moment, nullable=False, server_default=func.now()),
    Column("updated_at", moment, nullable=False, server_default=func.now()),
    CheckConstraint("char_length(name) BETWEEN 1 AND 100", name="name_length"),
    CheckConstraint("char_length(email) BETWEEN 3 AND 254", name="email_length"),
)

# Whose sessions and API keys let anybody in, and who is given new ones.
may_come_in = and_(users.c.is_active, users.c.deletion_scheduled_at.is_(None))

# Login, one account per address, and administrators' search of all accounts by the beginning of the address.
Index("uq_users_email_key", users.c.email_key, unique=True, postgresql_ops={"email_key": "text_pattern_ops"})
# Administrators' search of active accounts by the beginning of the address.
Index(
    "idx_users_email_active",
    users.c.email_key,
    postgresql_ops={"email_key": "text_pattern_ops"},
    postgresql_where=users.c.is_active,
)
# Administrators' list, newest first.
Index("idx_users_created_at_desc", users.c.created_at.desc(), users.c.id.desc())
# The same of the few accounts that are not active.
Index("ix_users_inactive", users.c.created_at.desc(), users.c.id.desc(), postgresql_where=~users.c.is_active)
# Administrators' search by the beginning of the name.
Index("idx_users_name_search", users.c.name_key, postgresql_ops={"name_key": "text_pattern_ops"})
# Whose erasure is due.
Index(
    "ix_users_deletion_scheduled_at",
    users.c.deletion_scheduled_at,
    postgresql_where=users.c.deletion_scheduled_at.is_not(None),
)
