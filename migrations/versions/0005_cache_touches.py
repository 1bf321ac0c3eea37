"""Cache tags that committed writes have made stale, until whoever caches has been told.

Works with the previous release: it only adds a table. Down: what was not announced yet is lost, so flush the cache.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cache_touches",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("tags", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cache_touches")),
    )
    # A queue: every row lives for a second or so. Vacuumed by number, not by share, so that it stays a few pages.
    op.execute("ALTER TABLE cache_touches SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)")


def downgrade() -> None:
    op.drop_table("cache_touches")
