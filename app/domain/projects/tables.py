"""Projects of teams."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Double, ForeignKey, Index, Table, Text, func, text

from app.database.schema import metadata, moment, uuid
from app.domain.teams.tables import teams
from app.domain.users.tables import users

projects = Table(
    "projects",
    metadata,
    Column("team_id", uuid, ForeignKey(teams.c.id, ondelete="CASCADE"), primary_key=True),
    Column("id", uuid, primary_key=True),
    Column("user_id", uuid, ForeignKey(users.c.id, ondelete="SET NULL")),  # who created it
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=text("''")),
    Column("color", Text, nullable=False, server_default=text("'#808080'")),
    Column("status", Text, nullable=False, server_default=text("'active'")),
    # Ascending; a new project is last, a client moves one between two others by taking a number between theirs.
    Column("position", Double, nullable=False, server_default=text("EXTRACT(epoch FROM clock_timestamp())")),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    Column("created_at", moment, nullable=False, server_default=func.now()),
    Column("updated_at", moment, nullable=False, server_default=func.now()),
    Column("deleted_at", moment),
    CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name_length"),
    CheckConstraint("char_length(description) <= 20000", name="description_length"),
    CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="color"),
    CheckConstraint("status IN ('active', 'archived')", name="status"),
)

_live = projects.c.deleted_at.is_(None)

# A team's projects by creation (the default page) and by position.
Index("ix_projects_created", projects.c.team_id, projects.c.created_at, projects.c.id, postgresql_where=_live)
Index("ix_projects_position", projects.c.team_id, projects.c.position, projects.c.id, postgresql_where=_live)
# The projects of one team with one status.
Index(
    "idx_projects_status",
    projects.c.team_id,
    projects.c.status,
    projects.c.created_at,
    projects.c.id,
    postgresql_where=_live,
)
# What one person created, and the SET NULL of a deleted account.
Index("idx_projects_user_created", projects.c.user_id, projects.c.created_at)
# The trash, and its purge.
Index(
    "ix_projects_trash",
    projects.c.team_id,
    projects.c.deleted_at,
    projects.c.id,
    postgresql_where=projects.c.deleted_at.is_not(None),
)
