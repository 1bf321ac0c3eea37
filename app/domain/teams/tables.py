"""Teams and who belongs to them."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Table, Text, func, text

from app.database.schema import metadata, moment, uuid
from app.domain.users.tables import users

teams = Table(
    "teams",
    metadata,
    Column("id", uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("slug", Text, nullable=False),
    # Whose personal team this is; null for a shared one.
    Column("personal_user_id", uuid, ForeignKey(users.c.id, ondelete="CASCADE")),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    Column("created_at", moment, nullable=False, server_default=func.now()),
    Column("updated_at", moment, nullable=False, server_default=func.now()),
    CheckConstraint("char_length(name) BETWEEN 1 AND 100", name="name_length"),
)

# One team for each slug, and one personal team for each user (found by it when a session is checked).
Index("uq_teams_slug", teams.c.slug, unique=True)
Index("uq_teams_personal_user_id", teams.c.personal_user_id, unique=True)

team_memberships = Table(
    "team_memberships",
    metadata,
    Column("team_id", uuid, ForeignKey(teams.c.id, ondelete="CASCADE"), primary_key=True),
    Column("user_id", uuid, ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    Column("role", Text, nullable=False),
    Column("created_at", moment, nullable=False, server_default=func.now()),
    CheckConstraint("role IN ('owner', 'admin', 'member', 'viewer')", name="role"),
)

# "Which teams may this caller see?": the first step of every read and write.
Index(
    "ix_team_memberships_user_id_team_id",
    team_memberships.c.user_id,
    team_memberships.c.team_id,
    postgresql_include=["role"],
)
