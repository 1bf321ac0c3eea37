"""An index of all second factors by user: whoever removes them all, or the user, would else read everybody's.

Works with the previous release, which never notices. Down: nothing is lost.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

INDEX = "ix_second_factors_user_id"


def upgrade() -> None:
    # What a failed attempt has left is made anew.
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, table_name="second_factors", postgresql_concurrently=True, if_exists=True)
        op.create_index(INDEX, "second_factors", ["user_id"], postgresql_concurrently=True, if_not_exists=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, table_name="second_factors", postgresql_concurrently=True, if_exists=True)
