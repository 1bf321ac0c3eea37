"""Exports of what is known about a person, and their archives.

Works with the previous release: it only adds tables. Down: all exports are forgotten, and can be asked for again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "exports",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("num_nonnulls(expires_at, size_bytes) IN (0, 2)", name=op.f("ck_exports_ready")),
        sa.CheckConstraint(
            "expires_at IS NULL OR finished_at IS NOT NULL", name=op.f("ck_exports_ready_when_finished")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_exports_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
    )
    op.create_index(
        "uq_exports_user_id_unfinished", "exports", ["user_id"], unique=True, postgresql_where="finished_at IS NULL"
    )
    for name, columns, condition in (
        ("ix_exports_due", ["next_attempt_at", "id"], "finished_at IS NULL"),
        ("ix_exports_user_id_created_at", ["user_id", "created_at", "id"], None),
        ("ix_exports_expires_at", ["expires_at"], "expires_at IS NOT NULL"),
        ("ix_exports_finished_at", ["finished_at"], "finished_at IS NOT NULL"),
    ):
        op.create_index(name, "exports", columns, postgresql_where=condition)
    op.create_table(
        "export_chunks",
        sa.Column("export_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["export_id"], ["exports.id"], name=op.f("fk_export_chunks_export_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("export_id", "number", name=op.f("pk_export_chunks")),
    )


def downgrade() -> None:
    op.drop_table("export_chunks")
    op.drop_table("exports")
