"""Mailed tokens: registrations that are not confirmed yet, new passwords and new addresses.

Works with the previous release: it only adds a table. Down: what was mailed is good for nothing any more.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mailed_tokens",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("is_good", sa.Boolean(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "num_nonnulls(name, password_hash, timezone) = 3 * (is_good AND purpose = 'registration')::int",
            name=op.f("ck_mailed_tokens_registration"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_mailed_tokens_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_mailed_tokens")),
    )
    op.create_index("ix_mailed_tokens_email_key", "mailed_tokens", ["email_key", "created_at"], unique=False)
    op.create_index("ix_mailed_tokens_expires_at", "mailed_tokens", ["expires_at"], unique=False)
    op.create_index(
        "ix_mailed_tokens_user_id",
        "mailed_tokens",
        ["user_id"],
        unique=False,
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("mailed_tokens")
