"""Todos and the tags of a team. Each index names the query that it serves."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Date,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    Table,
    Text,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR

from app.database.schema import metadata, moment, uuid
from app.domain.projects.tables import projects
from app.domain.teams.tables import team_memberships, teams
from app.domain.users.tables import users

todos = Table(
    "todos",
    metadata,
    Column("team_id", uuid, ForeignKey(teams.c.id, ondelete="CASCADE"), primary_key=True),
    Column("id", uuid, primary_key=True),
    Column("project_id", uuid),
    Column("parent_id", uuid),  # one level: a subtask has no subtasks of its own
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=text("''")),
    Column("status", Text, nullable=False, server_default=text("'open'")),
    Column("priority", SmallInteger, nullable=False, server_default=text("0")),  # 0 none, 1 low … 4 urgent: sortable
    Column("due_date", Date),
    Column("assignee_id", uuid),
    Column("tags", ARRAY(Text), nullable=False, server_default=text("'{}'")),  # names, spelled as in the tags table
    # Ascending within a project; a new todo is last.
    Column("position", Double, nullable=False, server_default=text("EXTRACT(epoch FROM clock_timestamp())")),
    Column("external_id", Text),  # the todo's name in the system that it came from
    Column("created_by", uuid, ForeignKey(users.c.id, ondelete="SET NULL")),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    Column("created_at", moment, nullable=False, server_default=func.now()),
    Column("updated_at", moment, nullable=False, server_default=func.now()),
    Column("completed_at", moment),
    Column("deleted_at", moment),
    Column(
        "search", TSVECTOR, Computed("to_tsvector('simple'::regconfig, title || ' ' || description)", persisted=True)
    ),
    # A project, a parent and an assignee can only be of the todo's own team: the database itself refuses others.
    ForeignKeyConstraint(
        ["team_id", "project_id"],
        [projects.c.team_id, projects.c.id],
        name="fk_todos_project",
        ondelete="SET NULL (project_id)",
    ),
    ForeignKeyConstraint(
        ["team_id", "parent_id"], ["todos.team_id", "todos.id"], name="fk_todos_parent", ondelete="SET NULL (parent_id)"
    ),
    ForeignKeyConstraint(
        ["team_id", "assignee_id"],
        [team_memberships.c.team_id, team_memberships.c.user_id],
        name="fk_todos_assignee",
        ondelete="SET NULL (assignee_id)",
    ),
    CheckConstraint("char_length(title) BETWEEN 1 AND 200", name="title_length"),
    CheckConstraint("char_length(description) <= 20000", name="description_length"),
    CheckConstraint("status IN ('open', 'in_progress', 'blocked', 'done', 'cancelled')", name="status"),
    CheckConstraint("priority BETWEEN 0 AND 4", name="priority"),
    CheckConstraint("(status = 'done') = (completed_at IS NOT NULL)", name="completed_at"),
    CheckConstraint("parent_id <> id", name="parent"),
    CheckConstraint("cardinality(tags) <= 20", name="tags_count"),
    CheckConstraint("char_length(external_id) BETWEEN 1 AND 200", name="external_id_length"),
    # The purge of all trash; on an expression, so that no list is tempted to walk the trash of all teams.
    Index(
        "ix_todos_purge",
        text("timezone('UTC', deleted_at)"),
        postgresql_where=text("timezone('UTC', deleted_at) IS NOT NULL"),
    ),
)

c = todos.c
_live = c.deleted_at.is_(None)
deleted_when = func.timezone(literal_column("'UTC'"), c.deleted_at)
# A todo without a due date counts as due at the end of time: one expression orders all rows, so one index walks them.
due_or_never = func.coalesce(c.due_date, literal_column("'infinity'::date"))

# Pages by creation (the default), latest change, priority and due date.
Index("ix_todos_created", c.team_id, c.created_at, c.id, postgresql_where=_live)
Index("ix_todos_updated", c.team_id, c.updated_at, c.id, postgresql_where=_live)
Index("ix_todos_priority", c.team_id, c.priority, c.id, postgresql_where=_live)
Index("ix_todos_due", c.team_id, due_or_never, c.id, postgresql_where=_live)
# The same with one or more statuses asked for: each status is walked by itself.
Index("ix_todos_status_created", c.team_id, c.status, c.created_at, c.id, postgresql_where=_live)
Index("idx_todo_status_priority", c.team_id, c.status, c.priority, c.id, postgresql_where=_live)
# Today, upcoming and overdue: what is not finished, by due date.
Index(
    "idx_todo_due_date_completed",
    c.team_id,
    c.due_date,
    c.id,
    postgresql_where=text("deleted_at IS NULL AND due_date IS NOT NULL AND status NOT IN ('done', 'cancelled')"),
)
# One project's todos, newest first; also the SET NULL when a project is purged.
Index(
    "ix_todos_project_created", c.team_id, c.project_id, c.created_at, c.id, postgresql_where=c.project_id.is_not(None)
)
# One project's board.
Index(
    "ix_todos_project",
    c.team_id,
    c.project_id,
    c.position,
    c.id,
    postgresql_where=text("deleted_at IS NULL AND project_id IS NOT NULL"),
)
# What one person has to do; also the SET NULL when a member leaves.
Index("ix_todos_assignee", c.team_id, c.assignee_id, c.created_at, c.id, postgresql_where=c.assignee_id.is_not(None))
# Subtasks of a todo.
Index("ix_todos_parent", c.team_id, c.parent_id, postgresql_where=c.parent_id.is_not(None))
# What one person created; also the SET NULL when an account is erased.
Index("ix_todos_created_by", c.created_by, c.team_id, c.created_at, c.id, postgresql_where=c.created_by.is_not(None))
# The trash of a team.
Index("ix_todos_trash", c.team_id, c.deleted_at, c.id, postgresql_where=c.deleted_at.is_not(None))
# An imported todo is imported once.
Index("uq_todos_external_id", c.team_id, c.external_id, unique=True, postgresql_where=c.external_id.is_not(None))
# Filter by tag; full-text search.
Index("ix_todos_tags", c.tags, postgresql_using="gin", postgresql_where=_live)
Index("ix_todos_search", c.search, postgresql_using="gin", postgresql_where=_live)

tags = Table(
    "tags",
    metadata,
    Column("team_id", uuid, ForeignKey(teams.c.id, ondelete="CASCADE"), primary_key=True),
    Column("id", uuid, primary_key=True),
    Column("name", Text, nullable=False),  # as first written
    Column("key", Text, nullable=False),  # case-folded; what uniqueness compares
    Column("color", Text, nullable=False, server_default=text("'#808080'")),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    Column("created_at", moment, nullable=False, server_default=func.now()),
    Column("updated_at", moment, nullable=False, server_default=func.now()),
    CheckConstraint("char_length(name) BETWEEN 1 AND 50", name="name_length"),
    CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="color"),
)

# One tag for each name in a team, whatever its case; the team's tags in alphabetical order.
Index("uq_tags_team_id_key", tags.c.team_id, tags.c.key, unique=True)
