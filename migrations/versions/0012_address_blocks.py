"""Clients that are kept out for a while.

Works with the previous release: it only adds a table. Down: whoever is blocked may come in at once.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "address_blocks",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=False),
        sa.Column("strike", sa.SmallInteger(), nullable=False),
        sa.Column("signals", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.UUID(), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.UUID(), nullable=True),
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_address_blocks_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["lifted_by"], ["users.id"], name=op.f("fk_address_blocks_lifted_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_blocks")),
    )
    op.create_index("ix_address_blocks_since", "address_blocks", ["since", "id"])
    op.create_index("ix_address_blocks_client_key_since", "address_blocks", ["client_key", "since", "id"])
    op.create_index("ix_address_blocks_until", "address_blocks", ["until"])
    op.create_index("ix_address_blocks_changed_at", "address_blocks", ["changed_at"])


def downgrade() -> None:
    op.drop_table("address_blocks")
