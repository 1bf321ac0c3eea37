"""Todos and tags.

Works with the previous release: it only adds tables. Down: the tables and all that is in them are dropped.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tags",
        sa.Column("team_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("color", sa.Text(), server_default=sa.text("'#808080'"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name=op.f("ck_tags_color")),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 50", name=op.f("ck_tags_name_length")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_tags_team_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("team_id", "id", name=op.f("pk_tags")),
    )
    op.create_index("uq_tags_team_id_key", "tags", ["team_id", "key"], unique=True)
    op.create_table(
        "todos",
        sa.Column("team_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("project_id", sa.UUID(), nullable=True),
        sa.Column("parent_id", sa.UUID(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("assignee_id", sa.UUID(), nullable=True),
        sa.Column("tags", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "position", sa.Double(), server_default=sa.text("EXTRACT(epoch FROM clock_timestamp())"), nullable=False
        ),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("created_by", sa.UUID(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed("to_tsvector('simple'::regconfig, title || ' ' || description)", persisted=True),
            nullable=True,
        ),
        sa.CheckConstraint("(status = 'done') = (completed_at IS NOT NULL)", name=op.f("ck_todos_completed_at")),
        sa.CheckConstraint(
            "status IN ('open', 'in_progress', 'blocked', 'done', 'cancelled')", name=op.f("ck_todos_status")
        ),
        sa.CheckConstraint("cardinality(tags) <= 20", name=op.f("ck_todos_tags_count")),
        sa.CheckConstraint("char_length(description) <= 20000", name=op.f("ck_todos_description_length")),
        sa.CheckConstraint("char_length(external_id) BETWEEN 1 AND 200", name=op.f("ck_todos_external_id_length")),
        sa.CheckConstraint("char_length(title) BETWEEN 1 AND 200", name=op.f("ck_todos_title_length")),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_todos_parent")),
        sa.CheckConstraint("priority BETWEEN 0 AND 4", name=op.f("ck_todos_priority")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_todos_created_by"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["team_id", "assignee_id"],
            ["team_memberships.team_id", "team_memberships.user_id"],
            name="fk_todos_assignee",
            ondelete="SET NULL (assignee_id)",
        ),
        sa.ForeignKeyConstraint(
            ["team_id", "parent_id"],
            ["todos.team_id", "todos.id"],
            name="fk_todos_parent",
            ondelete="SET NULL (parent_id)",
        ),
        sa.ForeignKeyConstraint(
            ["team_id", "project_id"],
            ["projects.team_id", "projects.id"],
            name="fk_todos_project",
            ondelete="SET NULL (project_id)",
        ),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_todos_team_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("team_id", "id", name=op.f("pk_todos")),
    )
    op.create_index(
        "idx_todo_due_date_completed",
        "todos",
        ["team_id", "due_date", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL AND due_date IS NOT NULL AND status NOT IN ('done', 'cancelled')"),
    )
    op.create_index(
        "idx_todo_status_priority",
        "todos",
        ["team_id", "status", "priority", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_todos_assignee",
        "todos",
        ["team_id", "assignee_id", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("assignee_id IS NOT NULL"),
    )
    op.create_index(
        "ix_todos_created",
        "todos",
        ["team_id", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_todos_created_by",
        "todos",
        ["created_by", "team_id", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("created_by IS NOT NULL"),
    )
    op.create_index(
        "ix_todos_due",
        "todos",
        ["team_id", sa.literal_column("coalesce(due_date, 'infinity'::date)"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_todos_parent",
        "todos",
        ["team_id", "parent_id"],
        unique=False,
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index(
        "ix_todos_priority",
        "todos",
        ["team_id", "priority", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_todos_project",
        "todos",
        ["team_id", "project_id", "position", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL AND project_id IS NOT NULL"),
    )
    op.create_index(
        "ix_todos_project_created",
        "todos",
        ["team_id", "project_id", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("project_id IS NOT NULL"),
    )
    op.create_index(
        "ix_todos_purge",
        "todos",
        [sa.literal_column("timezone('UTC', deleted_at)")],
        unique=False,
        postgresql_where=sa.text("timezone('UTC', deleted_at) IS NOT NULL"),
    )
    op.create_index(
        "ix_todos_search",
        "todos",
        ["search"],
        unique=False,
        postgresql_using="gin",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_todos_status_created",
        "todos",
        ["team_id", "status", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_todos_tags",
        "todos",
        ["tags"],
        unique=False,
        postgresql_using="gin",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_todos_trash",
        "todos",
        ["team_id", "deleted_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index(
        "ix_todos_updated",
        "todos",
        ["team_id", "updated_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_todos_external_id",
        "todos",
        ["team_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("todos")
    op.drop_table("tags")
