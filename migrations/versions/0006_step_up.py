"""Until when a session counts as freshly proved, and how often somebody guessed wrong.

Works with the previous release: it adds a column that may be null and a table. Sessions without a value are not fresh.
Down: every session has to prove itself again, and guesses are counted from nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("fresh_until", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "guesses",
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_guesses_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "secret", name=op.f("pk_guesses")),
    )


def downgrade() -> None:
    op.drop_table("guesses")
    op.drop_column("sessions", "fresh_until")
