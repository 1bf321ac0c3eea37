"""Wrong guesses, counted."""

from sqlalchemy import BigInteger, Column, ForeignKey, Table, Text

from app.database.schema import metadata, moment, uuid
from app.domain.users.tables import users

guesses = Table(
    "guesses",
    metadata,
    Column("user_id", uuid, ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    Column("secret", Text, primary_key=True),  # what was guessed at: password, totp, sms, mail, recovery_code
    Column("failures", BigInteger, nullable=False),  # since `since`; those that are being looked at count already
    Column("since", moment, nullable=False),
)
