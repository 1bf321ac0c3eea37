"""Names for sessions.

Works with the previous release, which neither reads nor writes the column. Down: the names are lost.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("label", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("sessions", "label")
